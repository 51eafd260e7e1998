"""OpenAI Agents SDK: tools that ask before they run.

::

    agent = Agent(name="assistant", tools=secure_tools(secure("assistant"), [get_weather]))

Needs ``aim-sdk[openai-agents]``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from agents import FunctionTool, Tool
from agents.tool_context import ToolContext

from aim_sdk.agent import Agent
from aim_sdk.errors import ActionDenied, ConfigurationError

from .gate import Gate, denial_text


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
