"""OpenAI Agents SDK: tools that ask before they run.

::

    aim = secure("assistant")
    weather = secure_mcp_server(aim, MCPServerStdio(…), name="weather")
    agent = Agent(
        name="assistant", tools=secure_tools(aim, [get_weather]), mcp_servers=[weather]
    )

Needs ``aim-sdk[openai-agents]``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from agents import FunctionTool, Tool
from agents.mcp import MCPServer
from agents.tool_context import ToolContext
from mcp.types import CallToolResult

from aim_sdk.agent import Agent
from aim_sdk.errors import ActionDenied, ConfigurationError

from .gate import Gate, ToolFailed, denial_text

S = TypeVar("S", bound=MCPServer)


def secure_tools(
    agent: Agent,
    tools: Iterable[Tool],
    *,
    on_denial: Literal["return", "raise"] = "return",
    **gate: Any,
) -> list[Tool]:
    """The same tools, each running only when the server allows the call.

    ``on_denial`` says what becomes of a denial: ``return`` answers the model with a text; ``raise``
    ends the run. That the server cannot be asked always ends the run. The library ends runs with
    its ``UserError``, whose cause is the error of the SDK. A tool that answers its failures as
    texts counts as done; one of ``failure_error_function=None``, or whose function is tracked
    itself, is reported as it went. Further arguments are those of :class:`Gate`.

    Raises:
        ConfigurationError: A tool runs elsewhere, where nobody asks.
    """
    made = Gate(agent, **gate)
    return [_secured(made, tool, on_denial == "raise") for tool in tools]


def secure_mcp_server(agent: Agent, server: S, *, name: str | None = None, **gate: Any) -> S:
    """The server itself, whose tools are called only when the server of AIM allows it, from now on.

    An action is called ``mcp:call`` and its resource ``mcp://NAME/TOOL``; ``name`` is what the
    server is registered by, its own one when left out. A denial is a result with ``isError``, as
    the protocol has it for what a model should see. Further arguments are those of :class:`Gate`.
    """
    known_as = name or server.name
    made = Gate(agent, **{"resource": lambda tool, _: f"mcp://{known_as}/{tool}", **gate})
    call = server.call_tool

    async def ask_and_call(
        tool_name: str, arguments: dict[str, Any] | None, *rest: Any, **options: Any
    ) -> CallToolResult:
        try:
            async with made.action(tool_name, arguments or {}, name="mcp:call"):
                result = await call(tool_name, arguments, *rest, **options)
                # The two versions of the protocol's library call it differently.
                if getattr(result, "isError", getattr(result, "is_error", False)):
                    raise ToolFailed(result)
                return result
        except ToolFailed as failed:
            return failed.answer
        except ActionDenied as denied:
            said = {"type": "text", "text": denial_text(denied)}
            return CallToolResult.model_validate({"content": [said], "isError": True})

    secured: Any = server
    secured.call_tool = ask_and_call
    return server


def _secured(gate: Gate, tool: Tool, raises: bool) -> FunctionTool:
    if not isinstance(tool, FunctionTool):
        raise ConfigurationError(
            f"`{type(tool).__name__}` does not run in this process, so nothing can be asked before "
            "it does; use function tools"
        )
    run = tool.on_invoke_tool

    async def ask_and_run(context: ToolContext[Any], text: str) -> Any:
        try:
            async with gate.action(tool.name, _arguments(text)):
                return await run(context, text)
        except ActionDenied as denied:
            if raises:
                raise
            return denial_text(denied)

    return dataclasses.replace(tool, on_invoke_tool=ask_and_run)


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        given = json.loads(text) if text else {}
    except ValueError:
        # The tool itself says what is wrong with them.
        return {}
    return given if isinstance(given, dict) else {}
