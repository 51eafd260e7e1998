"""The guard's questions to the server, and for how long an answer holds."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .errors import ActionDenied, AimError, EgressDenied, ServerUnavailable
from .guard_targets import DELETE, WRITE, Target, address_of, place_of
from .verification import ActionRequest, Verification, ask

if TYPE_CHECKING:
    from .action import Action
    from .agent import Agent

logger = logging.getLogger("aim_sdk")

#: How long a yes and a no hold, in seconds, for the same action of the same agent.
YES = 30.0
_NO = 5.0
#: Answers that are remembered; with more, all are forgotten.
_ANSWERS_MAX = 4096


#: Whether the guard is asking, and telling, in this context: what that itself reaches must not
#: make it ask and tell for ever.
_asking: ContextVar[bool] = ContextVar("aim_guard_asking", default=False)
_telling: ContextVar[bool] = ContextVar("aim_guard_telling", default=False)


class Egress:
    """What the actions of one agent may reach, as far as the server has said."""

    def __init__(self, agent: Agent, write_paths: Sequence[str | os.PathLike[str]]) -> None:
        self._agent = agent
        own = [os.devnull, *write_paths]
        self._writable = tuple(os.path.realpath(os.fspath(path)) for path in own)
        #: By action, capability and resource: until when, and why not.
        self._answers: dict[tuple[str, str, str], tuple[float, str | None]] = {}

    def allows(self, action: Action, target: Target) -> bool:
        """Whether a yes is remembered, or needs nobody's word."""
        if self._needs_no_answer(action, target):
            return True
        known = self._answers.get(_key(action, target))
        return known is not None and known[1] is None and known[0] > time.monotonic()

    def check(self, action: Action, target: Target) -> None:
        """Asks unless it is known; raises :class:`EgressDenied` and marks the action."""
        if self.allows(action, target):
            return
        known = self._answers.get(_key(action, target))
        if known is not None and known[1] is not None and known[0] > time.monotonic():
            raise stop(action, target, known[1], None)
        if _asking.get():
            # Such as a log file that is opened to tell of the question.
            raise stop(action, target, "another question was being asked", None)
        token = _asking.set(True)
        try:
            verification = self._ask(action, target)
        except AimError as error:
            raise stop(action, target, f"it could not be verified: {error}", None) from error
        finally:
            _asking.reset(token)
        why = _why_not(verification)
        if len(self._answers) >= _ANSWERS_MAX:
            self._answers.clear()
        lasts = YES if why is None else _NO
        self._answers[_key(action, target)] = (time.monotonic() + lasts, why)
        if why is not None:
            raise stop(action, target, why, verification)

    def _needs_no_answer(self, action: Action, target: Target) -> bool:
        if target.capability in (WRITE, DELETE):
            return any(
                target.resource == own or target.resource.startswith(own.rstrip(os.sep) + os.sep)
                for own in self._writable
            )
        # The action was verified on this very address.
        return target.resource in action.addresses

    def _ask(self, action: Action, target: Target) -> Verification:
        agent = self._agent
        request = ActionRequest(
            action=target.capability,
            resource=target.resource,
            arguments={"within": action.request.action, "verification": action.verification.id},
            risk_level="HIGH",
            session=action.request.session,
            task=action.request.task or action.request.action,
        )
        try:
            return agent._run(ask(agent._caller, request))
        except ServerUnavailable as error:
            if not agent.settings.fail_open:
                raise
            logger.critical("FAIL OPEN: %s goes on although nobody allowed it: %s", request, error)
            return Verification("", request, "UNVERIFIED")


def stop(
    action: Action, target: Target, why: str, verification: Verification | None
) -> EgressDenied:
    """The error to raise; the action and those around it cannot end as if nothing had happened."""
    text = f"{action.request} may not `{target.capability}` on `{target.resource}`: {why}"
    error = EgressDenied(text, target.resource, verification)
    around: Action | None = action
    while around is not None:
        around.stopped = around.stopped or error
        around = around.parent
    if not _telling.get():
        token = _telling.set(True)
        try:
            # A handler may open its file only now, which is stopped as well.
            with suppress(EgressDenied):
                logger.error("stopped: %s", text)
        finally:
            _telling.reset(token)
    return error


def addresses_of(resource: str | None) -> frozenset[str]:
    """The addresses that an action's own resource names, in the guard's spelling."""
    place = place_of(resource) if resource else None
    if place is None:
        return frozenset()
    return frozenset({address_of(*place), address_of(place[0], None)})


def _key(action: Action, target: Target) -> tuple[str, str, str]:
    return action.request.action, target.capability, target.resource


def _why_not(verification: Verification) -> str | None:
    try:
        verification.raise_unless_allowed()
    except ActionDenied as denied:
        return str(denied)
    return None
