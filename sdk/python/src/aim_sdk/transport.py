"""Connections to the server, for threads and for asyncio."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
import weakref
from typing import Any, TypeVar

import httpx

from .exemption import own_connections
from .flow import Flow, NoAnswer, Pause, Reply, Send
from .settings import Settings

T = TypeVar("T")

#: Connections of a process, and of an event loop. More wait for their turn.
_CONNECTIONS = 32
#: Less than the server's 30 seconds, so that it is never it who hangs up first.
_KEEP_ALIVE = 20.0
_CONNECT_TIMEOUT = 5.0


class Transport:
    """Drives flows over connections that are kept open.

    Safe to share between threads and event loops. After a fork the child opens its own connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._endpoint = f"{settings.url}/graphql"
        self._reaches = settings.proxy.value if settings.proxy else settings.url
        self._lock = threading.Lock()
        self._reset()
        _transports.add(self)

    def __repr__(self) -> str:
        return f"Transport({self._settings.url})"

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClient] = (
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
            except httpx.HTTPError as error:
                outcome = _no_answer(error)

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
            except httpx.HTTPError as error:
                outcome = _no_answer(error)

    def _send(self, step: Send) -> Reply:
        with self._turns, own_connections(self._reaches):
            answer = self._sync_client().post(
                self._endpoint, content=step.content, headers=step.headers, timeout=_limit(step)
            )
        return _reply(answer)

    async def _asend(self, step: Send) -> Reply:
        own = self._loop_client()
        async with own.turns:
            with own_connections(self._reaches):
                answer = await own.client.post(
                    self._endpoint, content=step.content, headers=step.headers, timeout=_limit(step)
                )
        return _reply(answer)

    def _sync_client(self) -> httpx.Client:
        client = self._client
        if client is None:
            with self._lock:
                client = self._client = self._client or httpx.Client(**self._options())
        return client

    def _loop_client(self) -> _LoopClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            own = self._loops.get(loop)
            if own is None:
                own = self._loops[loop] = _LoopClient(httpx.AsyncClient(**self._options()))
            return own

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        secure = settings.url.startswith("https:")
        return {
            # Nothing from the environment: neither proxies nor passwords that nobody thinks of.
            "trust_env": False,
            "proxy": settings.proxy.value if settings.proxy else None,
            "verify": ssl.create_default_context(cafile=settings.ca_file) if secure else False,
            "follow_redirects": False,
            "headers": {
                "content-type": "application/json",
                "accept": "application/graphql-response+json",
                "user-agent": "aim-sdk-python",
            },
            "limits": httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=_KEEP_ALIVE,
            ),
        }

    def close(self) -> None:
        """Closes what no event loop has opened."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Closes what the running event loop has opened."""
        with self._lock:
            own = self._loops.pop(asyncio.get_running_loop(), None)
        if own is not None:
            await own.client.aclose()


class _LoopClient:
    """A client belongs to the event loop that opened its connections."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.turns = asyncio.Semaphore(_CONNECTIONS)


def _resume(flow: Flow[T], outcome: Reply | NoAnswer | None) -> Send | Pause:
    if isinstance(outcome, NoAnswer):
        return flow.throw(outcome)
    return flow.send(outcome)


def _limit(step: Send) -> httpx.Timeout:
    return httpx.Timeout(step.timeout, connect=min(step.timeout, _CONNECT_TIMEOUT))


def _reply(answer: httpx.Response) -> Reply:
    return Reply(answer.status_code, answer.headers, answer.content)


def _no_answer(error: httpx.HTTPError) -> NoAnswer:
    # Only the kind: texts of errors may quote addresses with passwords.
    return NoAnswer(type(error).__name__)


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def _after_fork() -> None:
    # Two processes that talk over one connection would read each other's answers.
    for transport in list(_transports):
        transport._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
