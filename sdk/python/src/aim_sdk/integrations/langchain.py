"""LangChain and LangGraph: a middleware that asks before each call of a tool.

For agents::

    agent = create_agent(model, tools, middleware=[AimMiddleware(secure("assistant"))])

For a graph of one's own::

    gate = AimMiddleware(secure("assistant"))
    node = ToolNode(tools, wrap_tool_call=gate.wrap_tool_call, awrap_tool_call=gate.awrap_tool_call)

Needs ``aim-sdk[langchain]``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langgraph.types import Command

from aim_sdk.agent import Agent
from aim_sdk.errors import ActionDenied

from .gate import Gate, ToolFailed, denial_text

Answer: TypeAlias = "ToolMessage | Command[Any]"


class AimMiddleware(AgentMiddleware):
    """Lets a tool run only when the server allows the call, and reports how it went.

    ``on_denial`` says what becomes of a denial: ``return`` gives the model a message of the tool
    with the status ``error``; ``raise`` raises :class:`ActionDenied` out of the agent. That the
    server cannot be asked is always raised. Put it last among the middlewares, so that whatever
    others change or try again is asked for as well. Further arguments are those of :class:`Gate`.
    """

    def __init__(
        self, agent: Agent, *, on_denial: Literal["return", "raise"] = "return", **gate: Any
    ) -> None:
        super().__init__()
        self._gate = Gate(agent, **gate)
        self._raises = on_denial == "raise"

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Answer]
    ) -> Answer:
        """For ``invoke`` and ``stream``."""
        call = request.tool_call
        try:
            with self._gate.action(call["name"], call["args"]):
                return _checked(handler(request))
        except ToolFailed as failed:
            return failed.answer
        except ActionDenied as denied:
            return self._denied(request, denied)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Answer:
        """For ``ainvoke`` and ``astream``."""
        call = request.tool_call
        try:
            async with self._gate.action(call["name"], call["args"]):
                return _checked(await handler(request))
        except ToolFailed as failed:
            return failed.answer
        except ActionDenied as denied:
            return self._denied(request, denied)

    def _denied(self, request: ToolCallRequest, denied: ActionDenied) -> ToolMessage:
        if self._raises:
            raise denied
        call = request.tool_call
        return ToolMessage(
            denial_text(denied), name=call["name"], tool_call_id=call["id"], status="error"
        )


def _checked(answer: Answer) -> Answer:
    if isinstance(answer, ToolMessage) and answer.status == "error":
        raise ToolFailed(answer)
    return answer
