"""The MCP SDK itself: a real client and a real server, in one process and over a pipe."""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from company import Company
from mcp import Client, StdioServerParameters, stdio_client
from mcp.server import MCPServer

from aim_sdk import ActionDenied, Agent, ServerUnavailable
from aim_sdk.integrations.mcp import AimMiddleware, secure_session


@pytest.fixture
def weather(company: Company) -> MCPServer:
    server = MCPServer("weather")

    @server.tool()
    def get_forecast(city: str) -> str:
        """The weather in a city."""
        company.ran.append(city)
        if city == "Nowhere":
            raise ValueError("there is no such city")
        return f"sunny in {city}"

    @server.tool()
    async def set_alarm(city: str) -> str:
        """An alarm for a city."""
        company.ran.append(city)
        return "set"

    return server


BRNO = {"city": "Brno"}
FORECAST = "mcp://weather/get_forecast"


def text(result: Any) -> str:
    return str(result.content[0].text)


def resources(company: Company) -> list[tuple[str, str, str | None]]:
    company.record()
    seen = company.person.verifications(company.agent.id)
    return [(it["resource"], it["decision"], it["outcome"]) for it in reversed(seen)]


async def test_a_clients_calls_are_asked_for(company: Company, weather: MCPServer) -> None:
    company.person.grant(company.agent.id, "mcp:call", resource=FORECAST)
    async with Client(weather) as client:
        tools = secure_session(company.agent, client, server="weather", arguments=["city"])
        assert {it.name for it in (await tools.list_tools()).tools} == {"get_forecast", "set_alarm"}
        assert text(await tools.call_tool("get_forecast", BRNO)) == "sunny in Brno"
        with pytest.raises(ActionDenied):
            await tools.call_tool("set_alarm", BRNO)
        with pytest.raises(ActionDenied):
            await tools.session.call_tool("set_alarm", BRNO)
        failed = await tools.call_tool("get_forecast", {"city": "Nowhere"})
        assert failed.is_error
    assert company.ran == ["Brno", "Nowhere"]
    alarm = ("mcp://weather/set_alarm", "DENIED", None)
    expected = [(FORECAST, "ALLOWED", "OK"), alarm, alarm, (FORECAST, "ALLOWED", "ERROR")]
    assert resources(company) == expected
    await company.agent.aclose()


async def test_a_servers_calls_are_asked_for(company: Company, weather: MCPServer) -> None:
    company.person.grant(company.agent.id, "mcp:call", resource=FORECAST)
    weather.middleware.append(AimMiddleware(company.agent, server="weather"))
    async with Client(weather) as client:
        assert len((await client.list_tools()).tools) == 2
        assert text(await client.call_tool("get_forecast", BRNO)) == "sunny in Brno"
        denied = await client.call_tool("set_alarm", BRNO)
        assert denied.is_error
        assert text(denied).startswith("Not allowed, and not done")
        failed = await client.call_tool("get_forecast", {"city": "Nowhere"})
        assert failed.is_error
    assert company.ran == ["Brno", "Nowhere"]
    alarm = ("mcp://weather/set_alarm", "DENIED", None)
    expected = [(FORECAST, "ALLOWED", "OK"), alarm, (FORECAST, "ALLOWED", "ERROR")]
    assert resources(company) == expected
    await company.agent.aclose()


async def test_a_policy_about_servers_holds(company: Company, weather: MCPServer) -> None:
    company.grant("mcp:call")
    rule = {"mcpServer": ["UNKNOWN"]}
    text = {"name": f"known {company.agent.name}", "rule": rule, "effect": "FORBID"}
    text |= {"severity": "HIGH", "scope": {"agentIds": [company.agent.id]}}
    company.person.mutate(
        "publishPolicy", "policy { id }", text=text, mode="ENFORCED", reason="a test"
    )
    async with Client(weather) as client:
        tools = secure_session(company.agent, client, server="weather")
        with pytest.raises(ActionDenied) as denied:
            await tools.call_tool("get_forecast", BRNO)
    assert denied.value.verification is not None
    assert "POLICY_FORBIDS" in denied.value.verification.codes
    assert company.ran == []
    await company.agent.aclose()


async def test_when_aim_is_gone_nothing_is_called(
    unreachable: Agent, company: Company, weather: MCPServer
) -> None:
    async with Client(weather) as client:
        tools = secure_session(unreachable, client, server="weather")
        with pytest.raises(ServerUnavailable):
            await tools.call_tool("get_forecast", BRNO)
    weather.middleware.append(AimMiddleware(unreachable, server="weather"))
    async with Client(weather, raise_exceptions=False) as client:
        with pytest.raises(Exception, match=r".+"):
            await client.call_tool("get_forecast", BRNO)
    assert company.ran == []
    await unreachable.aclose()


async def test_over_http_the_connection_is_the_sessions_own(
    company: Company, weather: MCPServer
) -> None:
    company.grant("mcp:call")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # Whoever connects before it serves waits in the queue.
        listening.listen()
        port = listening.getsockname()[1]
        serving = uvicorn.Server(
            uvicorn.Config(weather.streamable_http_app(), log_level="error", lifespan="on")
        )
        running = asyncio.create_task(serving.serve(sockets=[listening]))
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            tools = secure_session(company.agent, client, server="weather")
            assert text(await tools.call_tool("get_forecast", BRNO)) == "sunny in Brno"
        serving.should_exit = True
        await running
    assert company.ran == ["Brno"]
    assert company.record() == [("mcp:call", "ALLOWED", "OK")]
    await company.agent.aclose()


SERVER = """
from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def get_forecast(city: str) -> str:
    open("ran", "a").write(city)
    return "sunny"


server.run("stdio")
"""


async def test_a_server_that_is_a_process_hears_nothing_of_what_is_denied(
    company: Company, tmp_path: Path
) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    started = StdioServerParameters(command=sys.executable, args=["server.py"], cwd=tmp_path)
    async with Client(stdio_client(started)) as client:
        tools = secure_session(company.agent, client, server="weather")
        with pytest.raises(ActionDenied):
            await tools.call_tool("get_forecast", BRNO)
        assert not (tmp_path / "ran").exists()
        company.grant("mcp:call")
        assert text(await tools.call_tool("get_forecast", BRNO)) == "sunny"
    assert (tmp_path / "ran").read_text() == "Brno"
    await company.agent.aclose()
