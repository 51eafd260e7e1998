"""Without an answer nothing is allowed, unless somebody said so; asking again is asking once."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import server as servers
from support.listener import Listener
from support.person import Person
from support.proxy import Proxy
from support.server import Server
from support.wait import wait_for

from aim_sdk import (
    ActionDenied,
    Agent,
    ConfigurationError,
    RequestRefused,
    ServerUnavailable,
    secure,
)


@pytest.fixture
def network(server: Server) -> Iterator[Proxy]:
    """What lies between."""
    proxy = Proxy(server.url)
    yield proxy
    proxy.close()


@pytest.fixture
def far(network: Proxy, api_key: str, name: str, person: Person) -> Iterator[Agent]:
    """An agent behind it that may do one thing."""
    agent = secure(name, url=network.url, api_key=api_key, timeout=20)
    person.grant(agent.id, "get_weather")
    yield agent
    agent.close()


def test_a_lost_answer_is_asked_for_again_and_is_one_question(
    far: Agent, network: Proxy, person: Person
) -> None:
    calls = []

    @far.track_action()
    def get_weather() -> None:
        calls.append(1)

    network.lose = 2
    get_weather()
    assert calls == [1]
    assert far.flush()
    network.lose = 1
    verification = far.verify_action("get_weather")
    network.lose = 1
    far.log_action_result(verification, succeeded=True)
    assert [it["outcome"] for it in person.verifications(far.id)] == ["OK", "OK"]


def test_a_lost_registration_is_found_again(
    network: Proxy, api_key: str, name: str, person: Person
) -> None:
    network.lose = 3
    agent = secure(name, url=network.url, api_key=api_key, timeout=20)
    query = "query($filter: AgentFilter) { agents(filter: $filter) { totalCount } }"
    assert person.ask(query, filter={"name": name})["agents"]["totalCount"] == 1
    agent.close()


async def test_the_same_for_asyncio(far: Agent, network: Proxy, person: Person) -> None:
    network.lose = 2
    await far.averify_action("get_weather")
    assert len(person.verifications(far.id)) == 1
    await far.aclose()


@pytest.fixture
def gone(place: Any, name: str) -> Iterator[tuple[Server, Agent]]:
    """An agent whose server has died."""
    running = servers.start(*place)
    owner = Person(running)
    agent = secure(name, url=running.url, api_key=owner.api_key(), timeout=1.5)
    owner.grant(agent.id, "get_weather")
    owner.close()
    agent.verify_action("get_weather")
    running.api.kill()
    yield running, agent
    agent.close()
    running.stop()


def test_no_server_no_action(gone: tuple[Server, Agent]) -> None:
    _, agent = gone

    @agent.track_action()
    def get_weather() -> None:
        raise AssertionError("it ran")

    begun = time.monotonic()
    with pytest.raises(ServerUnavailable, match=r"within 1\.5 s"):
        get_weather()
    assert time.monotonic() - begun < 30

    async def of_asyncio() -> None:
        try:
            async with agent.action("get_weather"):
                raise AssertionError("it ran")
        finally:
            await agent.aclose()

    with pytest.raises(ServerUnavailable):
        asyncio.run(of_asyncio())


def test_a_server_that_hears_nothing_is_no_server(gone: tuple[Server, Agent]) -> None:
    server, agent = gone
    with socket.create_server(("127.0.0.1", server.api.port)), pytest.raises(ServerUnavailable):
        agent.verify_action("get_weather")


def test_who_says_so_fails_open_and_loudly(
    gone: tuple[Server, Agent], caplog: pytest.LogCaptureFixture
) -> None:
    server, agent = gone
    server.api.start()
    opened = secure(agent.name, url=server.url, timeout=1.5, fail_open=True)
    calls = []

    @opened.track_action()
    def get_weather() -> None:
        calls.append(1)

    @opened.track_action()
    def drop_tables() -> None:
        raise AssertionError("it ran")

    # A no is a no.
    with pytest.raises(ActionDenied):
        drop_tables()
    server.api.kill()
    with Listener() as listener, caplog.at_level(logging.CRITICAL, "aim_sdk"):
        get_weather()
        assert calls == [1]
        with opened.action("get_weather"):
            socket.create_connection(("127.0.0.1", listener.port)).close()
        assert listener.count() == 1
    said = [it.getMessage() for it in caplog.records if "FAIL OPEN" in it.getMessage()]
    assert ["get_weather" in said[0], "get_weather" in said[1], "network:connect" in said[2]] == (
        [True] * 3
    )
    opened.close()


def test_a_result_that_cannot_be_reported_takes_nothing_from_its_caller(
    gone: tuple[Server, Agent], caplog: pytest.LogCaptureFixture
) -> None:
    server, agent = gone
    server.api.start()

    @agent.track_action()
    def get_weather() -> str:
        server.api.kill()
        return "sunny"

    assert wait_for("the server", lambda: _asks(agent))
    assert get_weather() == "sunny"
    assert agent.flush()
    assert any("was not reported" in record.getMessage() for record in caplog.records)


def _asks(agent: Agent) -> bool:
    try:
        return agent.verify_action("get_weather").is_allowed
    except ServerUnavailable:
        return False


def test_secure_needs_the_server(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerUnavailable):
        secure(name, url=f"http://127.0.0.1:{port}", api_key="aim_key_x", timeout=0.5)


@pytest.mark.parametrize(
    "arguments",
    [{"url": "ftp://x"}, {"url": "http://u:secret@x"}, {"timeout": 0}, {"timeout": float("nan")}],
)
def test_wrong_settings_are_named(name: str, arguments: Any) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        secure(name, **arguments)
    assert "secret" not in str(wrong.value)


def test_wrong_fields_are_named(agent: Agent) -> None:
    with pytest.raises(RequestRefused, match="action"):
        agent.verify_action("no such name!")
    with pytest.raises(RequestRefused, match="JSON"):
        agent.verify_action("get_weather", context={"x": object()})
