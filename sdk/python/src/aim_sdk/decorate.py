"""How a function becomes a tracked action."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import quote

from .action import Action
from .errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")

#: What an action is done to: a text with names of arguments in braces, or a function of them.
ResourceOf = str | Callable[..., str | None]
#: Which arguments are sent along: all, none, or those of these names.
ArgumentsSent = bool | Sequence[str]


def tracked(
    function: Callable[P, R],
    resource: ResourceOf | None,
    sent: ArgumentsSent,
    begin: Callable[[str | None, Mapping[str, Any] | None], Action],
) -> Callable[P, R]:
    """``function`` inside an action; it runs once, and only when the action was entered."""
    signature = inspect.signature(function)
    _refuse_generators(function)

    def action_of(*args: Any, **kwargs: Any) -> Action:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = dict(bound.arguments)
        return begin(_resource(resource, named), _arguments(sent, named))

    if _is_async(function):

        @functools.wraps(function)
        async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            async with action_of(*args, **kwargs):
                return await cast("Any", function(*args, **kwargs))

        return cast("Callable[P, R]", run_async)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with action_of(*args, **kwargs):
            result = function(*args, **kwargs)
            _refuse_unfinished(function, result)
            return result

    return run


def _is_async(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 (an object with an async __call__)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _refuse_generators(function: Callable[..., Any]) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"`{_name(function)}` is a generator: its body would run after the action; use "
            "`with agent.action(…)` inside it"
        )


def _refuse_unfinished(function: Callable[..., Any], result: object) -> None:
    """A body that has yet to run would run outside of the action."""
    if inspect.iscoroutine(result):
        result.close()
    elif not (inspect.isgenerator(result) or inspect.isasyncgen(result)):
        return
    raise ConfigurationError(
        f"`{_name(function)}` returned a {type(result).__name__} whose body would run after the "
        "action; declare it with `async def`, or use `with agent.action(…)` inside it"
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _resource(resource: ResourceOf | None, named: Mapping[str, Any]) -> str | None:
    if callable(resource):
        return resource(**named)
    if resource is None or "{" not in resource:
        return resource
    # In an address, an argument must not become another host or path.
    is_address = "://" in resource
    texts = {
        name: quote(str(value), safe="") if is_address else str(value)
        for name, value in named.items()
    }
    try:
        return resource.format_map(texts)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"resource `{resource}` names what is no argument ({type(error).__name__}: {error})"
        ) from None


def _arguments(sent: ArgumentsSent, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if sent is False:
        return None
    names = [name for name in named if name not in ("self", "cls")] if sent is True else list(sent)
    missing = [name for name in names if name not in named]
    if missing:
        raise ConfigurationError(f"`arguments` names {missing}, which the function does not have")
    return {name: as_json(named[name]) for name in names}


def as_json(value: object) -> Any:
    """A value as JSON. Bytes become their digest, and objects the name of their class."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    return f"<{type(value).__name__}>"
