"""The OpenAI Agents SDK itself, with a model that says what it is told to say."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import agents
import pytest
from agents import Model, ModelResponse, Runner, Usage, WebSearchTool, function_tool
from agents.exceptions import UserError
from agents.items import ToolCallOutputItem
from agents.mcp import MCPServerStdio
from company import Company
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from aim_sdk import ActionDenied, Agent, ConfigurationError, ServerUnavailable
from aim_sdk.integrations.openai_agents import secure_mcp_server, secure_tools

agents.set_tracing_disabled(True)


class Scripted(Model):
    """Calls tools, then says `done`."""

    def __init__(self, *named: tuple[str, dict[str, Any]]) -> None:
        made = [
            ResponseFunctionToolCall(
                type="function_call", name=name, arguments=json.dumps(given), call_id=f"call-{at}"
            )
            for at, (name, given) in enumerate(named)
        ]
        text = ResponseOutputText(type="output_text", text="done", annotations=[])
        said = ResponseOutputMessage(
            id="m", type="message", role="assistant", status="completed", content=[text]
        )
        self.turns: list[list[Any]] = [made, [said]]

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return ModelResponse(output=self.turns.pop(0), usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise AssertionError("nothing streams here")


@pytest.fixture
def tools(company: Company) -> list[agents.Tool]:
    @function_tool
    def get_weather(city: str) -> str:
        """The weather in a city."""
        company.ran.append(city)
        return f"sunny in {city}"

    @function_tool(failure_error_function=None)
    async def send_mail(to: str) -> str:
        """Sends mail."""
        company.ran.append(to)
        if to == "nobody":
            raise ValueError("there is nobody")
        return "sent"

    return [get_weather, send_mail]


WEATHER = ("get_weather", {"city": "Brno"})


def assistant(model: Model, tools: list[agents.Tool]) -> agents.Agent[None]:
    return agents.Agent(name="assistant", model=model, tools=tools)


def answers(result: agents.RunResult) -> list[str]:
    return [str(it.output) for it in result.new_items if isinstance(it, ToolCallOutputItem)]


async def test_what_is_allowed_runs_and_what_is_denied_does_not(
    company: Company, tools: list[agents.Tool]
) -> None:
    company.grant("get_weather")
    model = Scripted(WEATHER, ("send_mail", {"to": "ada"}))
    secured = secure_tools(company.agent, tools, arguments=["city"])
    result = await Runner.run(assistant(model, secured), "go on")
    first, second = answers(result)
    assert first == "sunny in Brno"
    assert second.startswith("Not allowed, and not done")
    assert result.final_output == "done"
    assert company.ran == ["Brno"]
    assert sorted(company.record()) == [
        ("get_weather", "ALLOWED", "OK"),
        ("send_mail", "DENIED", None),
    ]
    await company.agent.aclose()


def test_the_same_without_asyncio(company: Company, tools: list[agents.Tool]) -> None:
    secured = secure_tools(company.agent, tools)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    result = Runner.run_sync(assistant(Scripted(WEATHER), secured), "go on")
    loop.run_until_complete(company.agent.aclose())
    asyncio.set_event_loop(None)
    loop.close()
    assert answers(result)[0].startswith("Not allowed")
    assert company.ran == []


async def test_a_denial_can_end_the_run(company: Company, tools: list[agents.Tool]) -> None:
    secured = secure_tools(company.agent, tools, on_denial="raise")
    with pytest.raises(UserError) as ended:
        await Runner.run(assistant(Scripted(WEATHER), secured), "go on")
    assert isinstance(ended.value.__cause__, ActionDenied)
    assert company.ran == []
    await company.agent.aclose()


async def test_failures_are_reported_and_raised_as_ever(
    company: Company, tools: list[agents.Tool]
) -> None:
    company.grant("send_mail")
    model = Scripted(("send_mail", {"to": "nobody"}))
    with pytest.raises(Exception, match="there is nobody"):
        await Runner.run(assistant(model, secure_tools(company.agent, tools)), "go on")
    assert company.record() == [("send_mail", "ALLOWED", "ERROR")]
    await company.agent.aclose()


async def test_when_the_server_is_gone_nothing_runs(
    unreachable: Agent, company: Company, tools: list[agents.Tool]
) -> None:
    with pytest.raises(UserError) as ended:
        await Runner.run(assistant(Scripted(WEATHER), secure_tools(unreachable, tools)), "go on")
    assert isinstance(ended.value.__cause__, ServerUnavailable)
    assert company.ran == []
    await unreachable.aclose()


async def test_a_tracked_function_is_a_tool(company: Company) -> None:
    @function_tool
    @company.agent.track_action
    def get_weather(city: str) -> str:
        """The weather in a city."""
        company.ran.append(city)
        raise ValueError("no such city")

    result = await Runner.run(assistant(Scripted(WEATHER), [get_weather]), "go on")
    assert answers(result)[0].startswith("An error occurred")
    assert company.ran == []
    company.grant("get_weather")
    await Runner.run(assistant(Scripted(WEATHER), [get_weather]), "go on")
    assert company.ran == ["Brno"]
    assert company.record()[-1] == ("get_weather", "ALLOWED", "ERROR")


def test_tools_that_run_elsewhere_are_refused(company: Company) -> None:
    with pytest.raises(ConfigurationError, match="WebSearchTool"):
        secure_tools(company.agent, [WebSearchTool()])


async def test_arguments_that_are_no_json_are_the_tools_affair(
    company: Company, tools: list[agents.Tool]
) -> None:
    company.grant("get_weather")
    model = Scripted(WEATHER)
    model.turns[0][0].arguments = "{"
    result = await Runner.run(assistant(model, secure_tools(company.agent, tools)), "go on")
    assert answers(result)[0].startswith("An error occurred")
    assert company.ran == []
    await company.agent.aclose()


SERVER = """
from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def get_forecast(city: str) -> str:
    if city == "Nowhere":
        raise ValueError("there is no such city")
    open("ran", "a").write(city)
    return "sunny in " + city


server.run("stdio")
"""


async def test_tools_of_mcp_servers_are_asked_for(company: Company, tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    started = MCPServerStdio(
        params={"command": sys.executable, "args": ["server.py"], "cwd": tmp_path}
    )

    async def told(city: str) -> str:
        model = Scripted(("get_forecast", {"city": city}))
        made = agents.Agent(name="assistant", model=model, mcp_servers=[weather])
        return answers(await Runner.run(made, "go on"))[0]

    async with secure_mcp_server(company.agent, started, name="weather") as weather:
        assert "Not allowed, and not done" in await told("Brno")
        assert not (tmp_path / "ran").exists()
        company.person.grant(company.agent.id, "mcp:call", resource="mcp://weather/get_forecast")
        assert "sunny in Brno" in await told("Brno")
        assert "Error executing tool" in await told("Nowhere")
    assert (tmp_path / "ran").read_text() == "Brno"
    assert company.record() == [
        ("mcp:call", "DENIED", None),
        ("mcp:call", "ALLOWED", "OK"),
        ("mcp:call", "ALLOWED", "ERROR"),
    ]
    await company.agent.aclose()
