"""Drives flows to their end: for threads, and for asyncio."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from typing import TypeVar

import httpcore

from .blocking import Blocking, finished
from .connections import Connections, Route
from .flow import Flow, NoAnswer, Pause, Reply, Send
from .settings import Settings

T = TypeVar("T")

#: Requests under way in a process, and in an event loop. More wait for their turn.
_CONNECTIONS = 32
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
        self._url = settings.url
        self._route = Route.to(settings)
        self._reset()
        _transports.add(self)

    def __repr__(self) -> str:
        return f"Transport({self._url})"

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._threads = Connections(self._route, Blocking())
        self._turns = threading.BoundedSemaphore(_CONNECTIONS)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = (
            weakref.WeakKeyDictionary()
        )

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
        with self._turns:
            return finished(self._threads.exchange(step))

    async def _asend(self, step: Send) -> Reply:
        own = self._loop()
        async with own.turns:
            return await own.connections.exchange(step)

    def _loop(self) -> _Loop:
        loop = asyncio.get_running_loop()
        with self._lock:
            own = self._loops.get(loop)
            if own is None:
                own = self._loops[loop] = _Loop(Connections(self._route, httpcore.AnyIOBackend()))
            return own

    def close(self) -> None:
        """Closes what no event loop has opened."""
        with self._lock:
            used, self._threads = self._threads, Connections(self._route, Blocking())
        finished(used.aclose())

    async def aclose(self) -> None:
        """Closes what the running event loop has opened."""
        with self._lock:
            own = self._loops.pop(asyncio.get_running_loop(), None)
        if own is not None:
            await own.connections.aclose()


class _Loop:
    """Connections belong to the event loop that opened them."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.turns = asyncio.Semaphore(_CONNECTIONS)


def _resume(flow: Flow[T], outcome: Reply | NoAnswer | None) -> Send | Pause:
    if isinstance(outcome, NoAnswer):
        return flow.throw(outcome)
    return flow.send(outcome)


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def _after_fork() -> None:
    # Two processes that talk over one connection would read each other's answers.
    for transport in list(_transports):
        transport._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
