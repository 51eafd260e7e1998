"""Connections to the server, directly or through a proxy, kept open for the next request.

``httpcore`` has the sockets, TLS and their errors. Its pool is not used: it takes 0.2 ms of a
question (``docs/benchmarks.md``), for requests of every kind that the SDK does not make.
"""

from __future__ import annotations

import base64
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import httpcore

from .errors import ConfigurationError
from .exemption import own_connections
from .flow import Body, Reply, Send
from .http1 import fields, read_answer
from .settings import Secret, Settings
from .signing import target_uri

#: Less than the server's 30 seconds, so that it is never it who hangs up first.
_KEEP_ALIVE = 20.0
_CONNECT_TIMEOUT = 5.0
_READ_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_COMMON = {
    "user-agent": "aim-sdk-python",
    "accept": "application/graphql-response+json",
    "content-type": "application/json",
}


@dataclass(frozen=True, slots=True)
class _Hop:
    """A host to connect to, and how."""

    host: str
    port: int
    tls: ssl.SSLContext | None

    @classmethod
    def to(cls, place: Secret, ca_file: str | None = None) -> _Hop:
        parts = urlsplit(place.value)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigurationError("AIM_PROXY is no address; give one such as http://proxy:3128")
        tls = None
        if parts.scheme == "https":
            try:
                tls = ssl.create_default_context(cafile=ca_file)
            except OSError as error:
                raise ConfigurationError(f"AIM_CA_FILE {ca_file}: {error}") from None
            tls.set_alpn_protocols(["http/1.1"])
        return cls(parts.hostname, parts.port or _PORTS[parts.scheme], tls)


@dataclass(frozen=True, slots=True)
class Route:
    """The way to the server, and what is the same in all requests."""

    server: _Hop
    proxy: _Hop | None
    #: The address that the egress guard lets the SDK itself reach.
    reaches: str = field(repr=False)
    head: Body = field(repr=False)
    #: What opens a tunnel through the proxy, where there has to be one.
    tunnel: Body | None = field(repr=False)

    @classmethod
    def to(cls, settings: Settings) -> Route:
        """The way to the settings' server."""
        server = _Hop.to(Secret(settings.url), settings.ca_file)
        place = urlsplit(target_uri(f"{settings.url}/graphql"))
        common = fields({"host": place.netloc, **_COMMON}.items())
        if settings.proxy is None:
            head = _head("POST", place.path, common)
            return cls(server, None, settings.url, head, None)
        proxy, own = _Hop.to(settings.proxy), _who_asks(settings.proxy)
        if server.tls is None:
            head, tunnel = _head("POST", place.geturl(), common + own), None
        else:
            name = f"[{server.host}]" if ":" in server.host else server.host
            address = f"{name}:{server.port}"
            head = _head("POST", place.path, common)
            tunnel = _head("CONNECT", address, fields([("host", address)]) + own + b"\r\n")
        return cls(server, proxy, settings.proxy.value, head, tunnel)


class Connections:
    """Connections of one kind: asyncio's, or those of :class:`~aim_sdk.blocking.Blocking`.

    Safe to share between threads, if they are of the second kind.
    """

    def __init__(self, route: Route, network: httpcore.AsyncNetworkBackend) -> None:
        self._route = route
        self._network = network
        self._is_open = True
        #: Those that nobody uses, and since when; the last one used is the first one taken.
        self._idle: list[tuple[httpcore.AsyncNetworkStream, float]] = []

    async def exchange(self, step: Send) -> Reply:
        """Sends a request and reads its answer, within the step's time.

        It is sent once. Whether the server has it, when this fails, is not known.
        """
        deadline = time.monotonic() + step.timeout
        length = ("content-length", str(len(step.content)))
        own = fields([length, *step.headers.items()])
        request = Body(b"".join((self._route.head, own, b"\r\n", step.content)))
        stream = await self._kept() or await self._opened(deadline)
        stays = False
        try:
            reply, stays = await _ask(stream, request, deadline)
        finally:
            # Also when the task is cancelled: the answer may still come, and is nobody else's.
            if not stays:
                await stream.aclose()
        if stays:
            self._idle.append((stream, time.monotonic()))
        if not self._is_open:
            await self.aclose()
        return reply

    async def aclose(self) -> None:
        """Closes those that nobody uses, and every other one once it is not used any more."""
        self._is_open = False
        while (found := self._taken()) is not None:
            await found[0].aclose()

    async def _kept(self) -> httpcore.AsyncNetworkStream | None:
        while (found := self._taken()) is not None:
            stream, since = found
            is_fresh = time.monotonic() - since < _KEEP_ALIVE
            # Nothing was asked, so what comes is the end, or meant for somebody else.
            if is_fresh and not stream.get_extra_info("is_readable"):
                return stream
            await stream.aclose()
        return None

    def _taken(self) -> tuple[httpcore.AsyncNetworkStream, float] | None:
        try:
            # One step: no two threads take the same.
            return self._idle.pop()
        except IndexError:
            return None

    async def _opened(self, deadline: float) -> httpcore.AsyncNetworkStream:
        route = self._route
        first = route.proxy or route.server
        deadline = min(deadline, time.monotonic() + _CONNECT_TIMEOUT)
        with own_connections(route.reaches):
            stream = await self._network.connect_tcp(first.host, first.port, _left(deadline))
        try:
            stream = await _secured(stream, first, deadline)
            if route.tunnel is not None:
                reply, _ = await _ask(stream, route.tunnel, deadline, is_connect=True)
                if not 200 <= reply.status < 300:
                    raise httpcore.ProxyError(f"status {reply.status}")
            if route.proxy is not None:
                stream = await _secured(stream, route.server, deadline)
        except BaseException:
            await stream.aclose()
            raise
        return stream


async def _secured(
    stream: httpcore.AsyncNetworkStream, hop: _Hop, deadline: float
) -> httpcore.AsyncNetworkStream:
    if hop.tls is None:
        return stream
    return await stream.start_tls(hop.tls, hop.host, _left(deadline))


async def _ask(
    stream: httpcore.AsyncNetworkStream, request: Body, deadline: float, is_connect: bool = False
) -> tuple[Reply, bool]:
    unsent: httpcore.WriteError | None = None
    try:
        await stream.write(request, _left(deadline))
    except httpcore.WriteError as error:
        # A server may answer before it has read all, and hang up.
        unsent = error
    reading = read_answer(is_connect)
    next(reading)
    try:
        while True:
            reading.send(await stream.read(_READ_BYTES, _left(deadline)))
    except StopIteration as stop:
        reply, stays = stop.value
        return reply, stays and unsent is None


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _head(method: str, target: str, rest: bytes) -> Body:
    return Body(f"{method} {target} HTTP/1.1\r\n".encode("ascii") + rest)


def _who_asks(proxy: Secret) -> bytes:
    parts = urlsplit(proxy.value)
    if parts.username is None:
        return b""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return fields([("proxy-authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")])
