"""One action under way: asked for before, watched while it runs, reported after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

from .errors import EgressDenied
from .flow import Flow
from .guard_check import addresses_of
from .verification import ActionRequest, Verification

if TYPE_CHECKING:
    from .agent import Agent

#: The action that the running code belongs to.
_current: ContextVar[Action | None] = ContextVar("aim_action", default=None)


def current_action() -> Action | None:
    """The innermost tracked action that the running code belongs to."""
    return _current.get()


class Permission(Protocol):
    """Asks for an action; what it gives is allowed, or it raises."""

    def __call__(self, request: ActionRequest) -> Flow[Verification]:
        """The flow that asks."""


class Action:
    """``with agent.action(…) as action:``, or ``async with``. Entering asks; leaving reports.

    When code inside was stopped by the egress guard, leaving raises :class:`EgressDenied` even if
    that code has caught it.
    """

    def __init__(self, agent: Agent, request: ActionRequest, permission: Permission) -> None:
        self.agent = agent
        self.request = request
        self._permission = permission
        self._verification: Verification | None = None
        self._begun = 0.0
        self._token: Token[Action | None] | None = None
        #: The first thing that the egress guard stopped.
        self.stopped: EgressDenied | None = None
        #: The action around it, if there is one.
        self.parent: Action | None = None
        #: Addresses that were verified with the action itself.
        self.addresses = addresses_of(request.resource)
        #: Connections that the egress guard let pass, and until when they need no second look.
        self.reached: dict[tuple[Any, ...], float] = {}

    def __repr__(self) -> str:
        return f"Action({self.request})"

    @property
    def verification(self) -> Verification:
        """The answer that allowed it."""
        if self._verification is None:
            raise RuntimeError("the action was not entered yet")
        return self._verification

    def __enter__(self) -> Action:
        self._begin(self.agent._run(self._permission(self.request)))
        return self

    async def __aenter__(self) -> Action:
        self._begin(await self.agent._arun(self._permission(self.request)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        send = self._end(error)
        self.agent._reporter.put(send)
        self._raise_stopped(error)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        send = self._end(error)
        if self.agent._reporter.is_full():
            await asyncio.to_thread(self.agent._reporter.put, send)
        else:
            self.agent._reporter.put(send)
        self._raise_stopped(error)

    def _begin(self, verification: Verification) -> None:
        if self._token is not None:
            raise RuntimeError("an action is entered once; make another one")
        self._verification = verification
        self.parent = _current.get()
        self._token = _current.set(self)
        self._begun = time.monotonic()

    def _end(self, error: BaseException | None) -> Callable[[], None]:
        duration = time.monotonic() - self._begun
        try:
            _current.reset(cast("Token[Action | None]", self._token))
        except ValueError:
            # Left in another context than it was entered in, as some frameworks do.
            _current.set(self.parent)
        failure = self.stopped or error
        # The kind alone: texts of errors hold what nobody meant to send.
        detail = None if failure is None else type(failure).__name__
        verification, agent, is_success = self.verification, self.agent, failure is None
        return lambda: agent.log_action_result(
            verification, succeeded=is_success, duration=duration, detail=detail
        )

    def _raise_stopped(self, error: BaseException | None) -> None:
        swallowed = error is None or isinstance(error, Exception)
        if self.stopped is not None and error is not self.stopped and swallowed:
            raise self.stopped from error
