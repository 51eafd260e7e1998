"""Connections to the server, for threads and for asyncio."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import httpcore

from .exemption import own_connections
from .flow import Flow, NoAnswer, Pause, Reply, Send
from .settings import Settings
from .signing import target_uri

T = TypeVar("T")

#: Connections of a process, and of an event loop. More wait for their turn.
_CONNECTIONS = 32
#: Less than the server's 30 seconds, so that it is never it who hangs up first.
_KEEP_ALIVE = 20.0
_CONNECT_TIMEOUT = 5.0
#: Bytes of an answer; the server's own are far smaller.
_ANSWER_MAX = 4 * 1024 * 1024
_FAILURES = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)


class Transport:
    """Drives flows over connections that are kept open.

    Safe to share between threads and event loops. After a fork the child opens its own connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._endpoint = httpcore.URL(f"{settings.url}/graphql")
        self._headers = [
            (b"host", urlsplit(target_uri(settings.url)).netloc.encode()),
            (b"content-type", b"application/json"),
            (b"accept", b"application/graphql-response+json"),
            (b"user-agent", b"aim-sdk-python"),
        ]
        self._reaches = settings.proxy.value if settings.proxy else settings.url
        self._lock = threading.Lock()
        self._reset()
        _transports.add(self)

    def __repr__(self) -> str:
        return f"Transport({self._settings.url})"

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._pool: httpcore.ConnectionPool | None = None
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopPool] = (
            weakref.WeakKeyDictionary()
        )
        self._turns = threading.BoundedSemaphore(_CONNECTIONS)

    def run(self, flow: Flow[T]) -> T:
        """Runs a flow to its end, blocking."""
        outcome: Reply | NoAnswer | None = None
        while True:
            try:
                step = _resume(flow, outcome)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            if isinstance(step, Pause):
                outcome = None
                time.sleep(step.seconds)
                continue
            try:
                outcome = self._send(step)
            except _FAILURES as error:
                # Only the kind: texts of errors may quote addresses with passwords.
                outcome = NoAnswer(type(error).__name__)

    async def arun(self, flow: Flow[T]) -> T:
        """Runs a flow to its end in the running event loop."""
        outcome: Reply | NoAnswer | None = None
        while True:
            try:
                step = _resume(flow, outcome)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            if isinstance(step, Pause):
                outcome = None
                await asyncio.sleep(step.seconds)
                continue
            try:
                outcome = await self._asend(step)
            except _FAILURES as error:
                # Only the kind: texts of errors may quote addresses with passwords.
                outcome = NoAnswer(type(error).__name__)

    def _send(self, step: Send) -> Reply:
        with self._turns, own_connections(self._reaches):
            pool = self._threads_pool()
            with pool.stream(b"POST", self._endpoint, **self._parts(step)) as answer:
                content = b""
                for part in answer.iter_stream():
                    content = _joined(content, part)
        return _reply(answer, content)

    async def _asend(self, step: Send) -> Reply:
        own = self._loop_pool()
        async with own.turns:
            with own_connections(self._reaches):
                async with own.pool.stream(b"POST", self._endpoint, **self._parts(step)) as answer:
                    content = b""
                    async for part in answer.aiter_stream():
                        content = _joined(content, part)
        return _reply(answer, content)

    def _parts(self, step: Send) -> dict[str, Any]:
        connect = min(step.timeout, _CONNECT_TIMEOUT)
        own = [(name.encode(), value.encode()) for name, value in step.headers.items()]
        length = (b"content-length", str(len(step.content)).encode())
        limits = dict.fromkeys(("read", "write", "pool"), step.timeout)
        return {
            "headers": [*self._headers, length, *own],
            "content": step.content,
            "extensions": {"timeout": limits | {"connect": connect}},
        }

    def _threads_pool(self) -> httpcore.ConnectionPool:
        pool = self._pool
        if pool is None:
            with self._lock:
                pool = self._pool = self._pool or self._open(
                    httpcore.ConnectionPool, httpcore.HTTPProxy
                )
        return pool

    def _loop_pool(self) -> _LoopPool:
        loop = asyncio.get_running_loop()
        with self._lock:
            own = self._loops.get(loop)
            if own is None:
                pool = self._open(httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy)
                own = self._loops[loop] = _LoopPool(pool)
            return own

    def _open(self, plain: Callable[..., T], through: Callable[..., T]) -> T:
        settings = self._settings
        options: dict[str, Any] = {
            "max_connections": _CONNECTIONS,
            "max_keepalive_connections": _CONNECTIONS,
            "keepalive_expiry": _KEEP_ALIVE,
        }
        if settings.url.startswith("https:"):
            options["ssl_context"] = ssl.create_default_context(cafile=settings.ca_file)
        if settings.proxy is None:
            return plain(**options)
        proxy = urlsplit(settings.proxy.value)
        host = proxy.netloc.rpartition("@")[2]
        if proxy.username is not None:
            options["proxy_auth"] = (unquote(proxy.username), unquote(proxy.password or ""))
        return through(proxy_url=f"{proxy.scheme}://{host}", **options)

    def close(self) -> None:
        """Closes what no event loop has opened."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    async def aclose(self) -> None:
        """Closes what the running event loop has opened."""
        with self._lock:
            own = self._loops.pop(asyncio.get_running_loop(), None)
        if own is not None:
            await own.pool.aclose()


class _LoopPool:
    """Connections belong to the event loop that opened them."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self.pool = pool
        self.turns = asyncio.Semaphore(_CONNECTIONS)


def _joined(content: bytes, part: bytes) -> bytes:
    if len(content) + len(part) > _ANSWER_MAX:
        raise httpcore.RemoteProtocolError("the answer is too long")
    return content + part


def _resume(flow: Flow[T], outcome: Reply | NoAnswer | None) -> Send | Pause:
    if isinstance(outcome, NoAnswer):
        return flow.throw(outcome)
    return flow.send(outcome)


def _reply(answer: httpcore.Response, content: bytes) -> Reply:
    headers = {name.decode().lower(): text.decode("latin-1") for name, text in answer.headers}
    return Reply(answer.status, headers, content)


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def _after_fork() -> None:
    # Two processes that talk over one connection would read each other's answers.
    for transport in list(_transports):
        transport._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
