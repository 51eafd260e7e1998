"""Threads that are started inside an action belong to it; asyncio's tasks do so by themselves.

A thread begins with an empty context. What is started here takes two variables along: which action
it belongs to, and whether it is the SDK's own work.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import functools
import threading
from collections.abc import Callable
from typing import Any

from .action import _current
from .exemption import _server


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` as part of the action that is under way now, whoever runs it."""
    action, server = _current.get(), _server.get()

    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        before = _current.set(action), _server.set(server)
        try:
            return function(*args, **kwargs)
        finally:
            _current.reset(before[0])
            _server.reset(before[1])

    return run


def install() -> None:
    """From now on. Called once."""
    thread: Any = threading.Thread
    pool: Any = concurrent.futures.ThreadPoolExecutor
    plain: Any = _thread
    start, submit, start_plain = thread.start, pool.submit, plain.start_new_thread

    @functools.wraps(start)
    def start_carried(self: threading.Thread) -> None:
        if _current.get() is not None:
            self.run = carried(self.run)  # type: ignore[method-assign]
        start(self)

    @functools.wraps(submit)
    def submit_carried(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        # Also outside of actions: a worker may have been started by one, and serves everybody.
        return submit(self, carried(fn), *args, **kwargs)

    @functools.wraps(start_plain)
    def start_plain_carried(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return start_plain(carried(function), *args, **kwargs)

    thread.start, pool.submit = start_carried, submit_carried
    plain.start_new_thread = start_plain_carried
