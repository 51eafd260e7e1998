"""CrewAI: tools that ask before they run.

::

    agent = Agent(role="analyst", tools=secure_tools(secure("analyst"), [search]), …)

Needs ``aim-sdk[crewai]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crewai.tools import BaseTool
from crewai.tools.tool_failure import ToolFailure
from pydantic import PrivateAttr

from aim_sdk.agent import Agent
from aim_sdk.errors import ActionDenied

from .gate import Gate, ToolFailed, denial_text


def secure_tools(agent: Agent, tools: Iterable[BaseTool], **gate: Any) -> list[BaseTool]:
    """The same tools, each running only when the server allows the call.

    A denial is a :class:`~crewai.tools.tool_failure.ToolFailure`: the model hears of it, and it is
    among the task's ``tool_failures``. With ``tool_failure_policy="raise"`` it ends the crew. That
    the server cannot be asked is a failure as well; the tool did not run. Results are not taken
    from the cache of the crew: each call is asked for. Further arguments are those of
    :class:`Gate`.
    """
    made = Gate(agent, **gate)
    return [_SecuredTool.around(made, tool) for tool in tools]


class _SecuredTool(BaseTool):
    """A tool that asks, and then runs another one."""

    _gate: Gate = PrivateAttr()
    _inner: BaseTool = PrivateAttr()

    @classmethod
    def around(cls, gate: Gate, inner: BaseTool) -> _SecuredTool:
        """The same for the model, as far as it can see."""
        made = cls(
            name=inner.name,
            description=inner.description,
            args_schema=inner.args_schema,
            result_schema=inner.result_schema,
            env_vars=inner.env_vars,
            result_as_answer=inner.result_as_answer,
            tool_failure_policy=inner.tool_failure_policy,
            cache_function=_never,
        )
        made._gate = gate
        made._inner = inner
        return made

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with self._gate.action(self._inner.name, kwargs):
                return _checked(self._inner.run(*args, **kwargs))
        except ToolFailed as failed:
            return failed.answer
        except ActionDenied as denied:
            return _failure(denied)

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        try:
            async with self._gate.action(self._inner.name, kwargs):
                return _checked(await self._inner.arun(*args, **kwargs))
        except ToolFailed as failed:
            return failed.answer
        except ActionDenied as denied:
            return _failure(denied)


def _never(_arguments: Any = None, _result: Any = None) -> bool:
    """What was allowed once is not allowed for ever."""
    return False


def _checked(answer: Any) -> Any:
    if isinstance(answer, ToolFailure):
        raise ToolFailed(answer)
    return answer


def _failure(denied: ActionDenied) -> ToolFailure:
    return ToolFailure(message=denial_text(denied), code=type(denied).__name__)
