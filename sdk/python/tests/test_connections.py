"""Connections that are kept, lost, closed, too slow, behind proxies; in threads and in asyncio."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpcore
import pytest
from support.scripted import Peer, Scripted, certificate, proxy

from aim_sdk import ConfigurationError, ServerUnavailable, connections, secure
from aim_sdk.connections import Connections, Route
from aim_sdk.flow import Flow, Reply, Send
from aim_sdk.graphql import Caller
from aim_sdk.settings import Secret, Settings
from aim_sdk.transport import Transport

Ask = Callable[..., Awaitable[str]]


def question(text: str, timeout: float = 20.0) -> Flow[dict[str, Any]]:
    """Asks to have a text said again."""
    return Caller(lambda _: {"x-asked": text}, timeout).call("{ x }", {"text": text})


def echo(peer: Peer, number: int) -> None:
    """Says which connection this is and what was asked, for ever."""
    while request := peer.request():
        asked = json.loads(request.partition(b"\r\n\r\n")[2])["variables"]["text"]
        peer.answer(json.dumps({"data": {"x": f"{number} {asked}"}}).encode())


class Way:
    """Threads' way to ask, or asyncio's."""

    def __init__(self, is_async: bool) -> None:
        self._is_async = is_async

    async def ask(self, transport: Transport, text: str, timeout: float = 20.0) -> str:
        flow = question(text, timeout)
        if self._is_async:
            return (await transport.arun(flow))["x"]
        return (await asyncio.to_thread(transport.run, flow))["x"]

    async def close(self, transport: Transport) -> None:
        await (transport.aclose() if self._is_async else asyncio.to_thread(transport.close))


@pytest.fixture(params=[False, True], ids=["threads", "asyncio"])
def way(request: Any) -> Way:
    return Way(request.param)


async def test_a_connection_is_used_again(way: Way) -> None:
    with Scripted(echo) as server:
        transport = Transport(Settings(url=server.url))
        assert [await way.ask(transport, text) for text in "abc"] == ["1 a", "1 b", "1 c"]
        await way.close(transport)
        assert await way.ask(transport, "d") == "2 d"
        await way.close(transport)


@pytest.mark.parametrize("what", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["the end", "an answer"])
async def test_what_came_unasked_is_nobodys(way: Way, what: bytes) -> None:
    came = threading.Event()

    def once(peer: Peer, number: int) -> None:
        if number > 1:
            return echo(peer, number)
        peer.request()
        peer.answer(b'{"data": {"x": "first"}}')
        peer.connection.sendall(what)
        peer.connection.shutdown(1)
        came.set()
        peer.connection.recv(1)
        return None

    with Scripted(once) as server:
        transport = Transport(Settings(url=server.url))
        assert await way.ask(transport, "a") == "first"
        assert await asyncio.to_thread(came.wait, 60)
        assert await way.ask(transport, "b") == "2 b"
        await way.close(transport)


async def test_what_was_idle_for_long_is_not_used(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted(echo) as server:
        transport = Transport(Settings(url=server.url))
        assert await way.ask(transport, "a") == "1 a"
        monkeypatch.setattr(connections, "_KEEP_ALIVE", 0.0)
        assert await way.ask(transport, "b") == "2 b"
        await way.close(transport)


@pytest.mark.parametrize("part", [b"", b"x"], ids=["silence", "drops"])
async def test_a_slow_answer_does_not_take_longer_than_the_time(way: Way, part: bytes) -> None:
    over = threading.Event()

    def slow(peer: Peer, _: int) -> None:
        peer.request()
        peer.connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not over.wait(0.05):
            peer.connection.sendall(part)

    with Scripted(slow) as server:
        transport = Transport(Settings(url=server.url))
        begun = time.monotonic()
        with pytest.raises(ServerUnavailable, match="ReadTimeout"):
            await way.ask(transport, "a", 0.5)
        assert time.monotonic() - begun < 30
        over.set()
        await way.close(transport)


async def test_the_answer_to_a_cancelled_task_is_nobodys() -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def late(peer: Peer, number: int) -> None:
        if number > 1:
            return echo(peer, number)
        peer.request()
        asked.set()
        goes_on.wait(60)
        peer.answer(b'{"data": {"x": "too late"}}')
        return None

    with Scripted(late) as server:
        transport = Transport(Settings(url=server.url))
        task = asyncio.create_task(transport.arun(question("a")))
        assert await asyncio.to_thread(asked.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()
        assert (await transport.arun(question("b")))["x"] == "2 b"
        await transport.aclose()


async def test_whoever_closes_waits_for_nobody(way: Way) -> None:
    asked, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def late(peer: Peer, _: int) -> None:
        peer.request()
        asked.set()
        goes_on.wait(60)
        peer.answer(b'{"data": {"x": "late"}}')
        assert peer.request() == b""
        ended.set()

    with Scripted(late) as server:
        transport = Transport(Settings(url=server.url))
        task = asyncio.create_task(way.ask(transport, "a"))
        assert await asyncio.to_thread(asked.wait, 60)
        await way.close(transport)
        goes_on.set()
        assert await task == "late"
        # The connection that was in use then is closed by now.
        assert await asyncio.to_thread(ended.wait, 60)


class HangsUp(httpcore.AsyncMockStream):
    """Answers before it has read all."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        raise httpcore.WriteError("broken pipe")


class Answers(httpcore.AsyncMockBackend):
    """Connections to such a server."""

    count = 0

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.count += 1
        return HangsUp([b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"])


async def test_an_answer_counts_although_not_all_was_sent() -> None:
    network = Answers([])
    own = Connections(Route.to(Settings()), network)
    for count in (1, 2):
        assert await own.exchange(Send(b"x", {}, 5.0)) == Reply(413, {"content-length": "0"}, b"")
        assert network.count == count


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("through", [None, "http", "https"])
async def test_proxies_and_tls(
    way: Way, is_secure: bool, through: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate(tmp_path)
    # Who trusts this machine's certificates trusts it as a proxy as well.
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    seen: list[bytes] = []
    with (
        Scripted(echo, tls if is_secure else None) as server,
        Scripted(proxy(seen), tls if through == "https" else None) as between,
    ):
        place = f"{through}://me:pass%3Aword@127.0.0.1:{between.port}" if through else None
        ca_file = str(trusted) if is_secure else None
        settings = Settings(url=server.url, ca_file=ca_file, proxy=Secret.of(place))
        transport = Transport(settings)
        assert [await way.ask(transport, text) for text in "ab"] == ["1 a", "1 b"]
        await way.close(transport)
        target = f"127.0.0.1:{server.port}"
        line = f"CONNECT {target}" if is_secure else f"POST http://{target}/graphql"
        assert [head.split(b" HTTP")[0].decode() for head in seen] == ([line] if through else [])
        # The proxy's password is for the proxy, and what is said through a tunnel is not.
        for head in seen:
            assert b"\r\nproxy-authorization: Basic bWU6cGFzczp3b3Jk" in head
            assert (b"x-asked" in head) is not is_secure


async def test_who_is_not_trusted_hears_nothing(way: Way, tmp_path: Path) -> None:
    tls, _ = certificate(tmp_path)
    heard: list[bytes] = []
    with Scripted(lambda peer, _: heard.append(peer.request()), tls) as server:
        transport = Transport(Settings(url=server.url))
        with pytest.raises(ServerUnavailable, match="Connect"):
            await way.ask(transport, "a", 2.0)
        await way.close(transport)
    assert heard == []


async def test_a_proxy_that_refuses_is_no_answer(way: Way, tmp_path: Path) -> None:
    _, trusted = certificate(tmp_path)

    def refuse(peer: Peer, _: int) -> None:
        peer.request()
        peer.answer(b"who are you?", "407 Proxy Authentication Required")

    with Scripted(refuse) as between:
        settings = Settings(
            url="https://127.0.0.1:1", ca_file=str(trusted), proxy=Secret(between.url)
        )
        transport = Transport(settings)
        with pytest.raises(ServerUnavailable, match="ProxyError"):
            await way.ask(transport, "a", 5.0)
        await way.close(transport)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "http://aim.example/a b"},
        {"url": "http://aim.example/\r\nx: y"},
        {"url": "http://ämter.example"},
        {"api_key": "aim_key_a\r\nx: y"},
        {"api_key": "aim_key_ä"},
    ],
)
def test_what_cannot_be_sent_is_a_wrong_setting(given: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigurationError, match="AIM_") as wrong:
        secure(name, **{"url": "http://127.0.0.1:1"} | given)
    assert "aim_key" not in str(wrong.value)


@pytest.mark.parametrize("place", ["socks5://127.0.0.1:1", "proxy:3128", "http://"])
def test_a_wrong_proxy_is_named(place: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIM_PROXY", place)
    with pytest.raises(ConfigurationError, match="AIM_PROXY"):
        secure(name, url="http://127.0.0.1:1")
    monkeypatch.delenv("AIM_PROXY")
    monkeypatch.setenv("AIM_CA_FILE", "/no/such/file")
    with pytest.raises(ConfigurationError, match="AIM_CA_FILE"):
        secure(name, url="https://127.0.0.1:1")
