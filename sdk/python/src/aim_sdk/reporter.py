"""Results of tracked actions: sent while their caller goes on, and before the process ends."""

from __future__ import annotations

import atexit
import contextvars
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable

from .errors import AimError

logger = logging.getLogger("aim_sdk")

#: Results that may wait; whoever has one more waits with it.
_WAITING_MAX = 1000
_THREADS = 2


class Reporter:
    """A few threads that send. A result that cannot be sent is logged, never raised.

    The action is over by then: its caller has to get its outcome.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._reset()
        _reporters.add(self)

    def _reset(self) -> None:
        self._waiting: queue.Queue[Callable[[], None]] = queue.Queue(_WAITING_MAX)
        self._lock = threading.Lock()
        self._threads = 0

    def is_full(self) -> bool:
        """Whether the next result would have to wait."""
        return self._waiting.full()

    def put(self, send: Callable[[], None]) -> None:
        """Has ``send`` called soon; waits while too many wait already."""
        if self._is_running():
            self._waiting.put(send)
        else:
            _try(send)

    def flush(self, timeout: float) -> bool:
        """Waits until all is sent; whether it is."""
        deadline = time.monotonic() + timeout
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._waiting.all_tasks_done.wait(left)
        return True

    def _is_running(self) -> bool:
        with self._lock:
            try:
                while self._threads < _THREADS:
                    thread = threading.Thread(target=self._work, name="aim-results", daemon=True)
                    # It belongs to no action, whoever's result is the first.
                    contextvars.Context().run(thread.start)
                    self._threads += 1
            except RuntimeError:
                # The interpreter is ending and starts no threads any more.
                return self._threads > 0
        return True

    def _work(self) -> None:
        waiting = self._waiting
        while True:
            send = waiting.get()
            _try(send)
            waiting.task_done()


def _try(send: Callable[[], None]) -> None:
    try:
        send()
    except AimError as error:
        logger.warning("the result of an action was not reported: %s", error)
    except Exception as error:
        logger.exception("reporting the result of an action failed: %s", type(error).__name__)


_reporters: weakref.WeakSet[Reporter] = weakref.WeakSet()


def _at_exit() -> None:
    for reporter in list(_reporters):
        if not reporter.flush(reporter._grace):
            logger.warning("the process ends before all results of actions were reported")


def _after_fork() -> None:
    # The parent sends what waited; the child has none of its threads.
    for reporter in list(_reporters):
        reporter._reset()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
