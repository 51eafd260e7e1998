"""Model Context Protocol: sessions of clients and servers that ask before a tool is called.

On the side of a client::

    async with Client("https://tools.example/mcp") as client:
        tools = secure_session(secure("assistant"), client, server="weather")
        await tools.call_tool("get_forecast", {"city": "Brno"})

On the side of a server, which is an agent itself then::

    server = MCPServer("weather")
    server.middleware.append(AimMiddleware(secure("weather-server"), server="weather"))

An action is called ``mcp:call`` and its resource ``mcp://SERVER/TOOL``, so policies about servers
apply. Needs ``aim-sdk[mcp]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

from aim_sdk.action import Action
from aim_sdk.agent import Agent
from aim_sdk.errors import ActionDenied

from .gate import Gate, ToolFailed, denial_text

S = TypeVar("S")

_ACTION = "mcp:call"


def secure_session(agent: Agent, session: S, *, server: str, **gate: Any) -> S:
    """A ``Client`` or ``ClientSession`` whose ``call_tool`` asks first; the rest is as it was.

    ``server`` is the name that the server is registered by. A denial is raised as
    :class:`ActionDenied`; nothing was sent then. Further arguments are those of :class:`Gate`.
    """
    return cast("S", _SecuredSession(_gate(agent, server, gate), session))


class _SecuredSession(Generic[S]):
    def __init__(self, gate: Gate, session: S) -> None:
        self._gate = gate
        self._inner = session

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        # A client's session calls tools as well.
        return _SecuredSession(self._gate, found) if name == "session" else found

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, *rest: Any, **options: Any
    ) -> Any:
        """Asks, and calls the tool when that is allowed."""
        inner: Any = self._inner
        try:
            async with _action(self._gate, name, arguments or {}):
                return _checked(await inner.call_tool(name, arguments, *rest, **options))
        except ToolFailed as failed:
            return failed.answer


class AimMiddleware:
    """A server's middleware: a tool is run only when the server's agent may.

    ``server`` is the name that the server is registered by. A denial is the result of the call,
    with ``is_error``, as the protocol has it for what a model should see. Append it last, so that
    what other middlewares change is asked for as well. Further arguments are those of
    :class:`Gate`.
    """

    def __init__(self, agent: Agent, *, server: str, **gate: Any) -> None:
        self._gate = _gate(agent, server, gate)

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Wraps one message."""
        params = ctx.params if isinstance(ctx.params, Mapping) else {}
        name, arguments = params.get("name"), params.get("arguments")
        if ctx.method != "tools/call" or not isinstance(name, str):
            return await call_next(ctx)
        given = arguments if isinstance(arguments, Mapping) else {}
        try:
            async with _action(self._gate, name, given):
                return cast("HandlerResult", _checked(await call_next(ctx)))
        except ToolFailed as failed:
            return cast("HandlerResult", failed.answer)
        except ActionDenied as denied:
            said = TextContent(type="text", text=denial_text(denied))
            return CallToolResult(content=[said], is_error=True)


def _gate(agent: Agent, server: str, options: Mapping[str, Any]) -> Gate:
    return Gate(agent, **{"resource": lambda tool, _: f"mcp://{server}/{tool}", **options})


def _action(gate: Gate, tool: str, arguments: Mapping[str, Any]) -> Action:
    return gate.action(tool, arguments, name=_ACTION)


def _checked(answer: Any) -> Any:
    said = answer.get("isError") if isinstance(answer, Mapping) else None
    if said or getattr(answer, "is_error", False):
        raise ToolFailed(answer)
    return answer
