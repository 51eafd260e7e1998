"""One GraphQL request: signed or with an API key, tried again while that is safe and in time."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import AimError, AuthenticationFailed, ClockError, RequestRefused, ServerUnavailable
from .flow import Body, Flow, NoAnswer, Pause, Reply, Send

logger = logging.getLogger("aim_sdk")

#: Makes the fields that say who asks, anew for each attempt: a nonce is good once.
Credentials = Callable[[bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and how long one question may take."""

    credentials: Credentials
    timeout: float

    def call(
        self, document: str, variables: Mapping[str, Any], *, extra: float = 0.0
    ) -> Flow[dict[str, Any]]:
        """The ``data`` of the answer; ``extra`` is time that the server may take on purpose."""
        # Not in a frame of the flow, whose variables error trackers keep.
        return request(encode(document, variables), self.credentials, self.timeout + extra)


_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
#: What may be gone in a moment.
_PASSING_STATUS = frozenset({429, 502, 503, 504})
_PASSING_CODES = frozenset({"UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"})
_CLOCK_CODES = frozenset({"SIGNATURE_STALE", "SIGNATURE_FROM_FUTURE"})


def request(body: Body, credentials: Credentials, timeout: float) -> Flow[dict[str, Any]]:
    """The ``data`` of the answer.

    The same bytes are sent again after a failure that may pass, so what changes something has to
    carry a key that makes it happen once. ``timeout`` is for all attempts together.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        left = max(deadline - time.monotonic(), 0.001)
        wait: float | None = None
        try:
            reply = yield Send(body, credentials(body), left)
        except NoAnswer as failure:
            reason = str(failure)
        else:
            assert reply is not None  # noqa: S101 (a request is answered by a reply)
            answer = _decode(reply)
            passing = _passing(reply, answer)
            if passing is None:
                return _data(reply, answer)
            reason, wait = passing
        wait = max(wait or 0.0, pause * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
        if time.monotonic() + wait >= deadline:
            raise ServerUnavailable(f"no answer from AIM within {timeout:g} s: {reason}")
        logger.debug("AIM did not answer (%s); again in %.1f s", reason, wait)
        yield Pause(wait)
        pause = min(pause * 2, _LONGEST_PAUSE)


def payload(data: Mapping[str, Any], field: str, member: str) -> dict[str, Any]:
    """The object that a mutation answers with, or its first user error raised."""
    answer = data.get(field) or {}
    for error in answer.get("userErrors") or ():
        place = ".".join(error.get("field") or ())
        text = f"`{place}` {error.get('message')}" if place else str(error.get("message"))
        raise RequestRefused(text, str(error.get("code")))
    found = answer.get(member)
    if not isinstance(found, dict):
        raise ServerUnavailable(f"the answer of AIM has no `{member}`")
    return found


def encode(document: str, variables: Mapping[str, Any]) -> Body:
    """A request's bytes."""
    try:
        return Body(_JSON.encode({"query": document, "variables": variables}).encode())
    except (TypeError, ValueError) as error:
        # The text of the error may quote a value.
        raise RequestRefused(f"what is to be sent is no JSON ({type(error).__name__})") from None


def _decode(reply: Reply) -> dict[str, Any]:
    try:
        answer = json.loads(reply.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _first_error(answer: Mapping[str, Any]) -> tuple[str, str] | None:
    errors = answer.get("errors")
    if not isinstance(errors, list) or not errors:
        return None
    first = errors[0] if isinstance(errors[0], dict) else {}
    code = (first.get("extensions") or {}).get("code") or "INTERNAL"
    return str(code), str(first.get("message") or "no message")


def _passing(reply: Reply, answer: Mapping[str, Any]) -> tuple[str, float | None] | None:
    error = _first_error(answer)
    by_code = error is not None and error[0] in _PASSING_CODES
    # Something between us and the server answers with what is no GraphQL: nobody decided.
    foreign = error is None and not isinstance(answer.get("data"), dict)
    if not (by_code or reply.status in _PASSING_STATUS or (foreign and reply.status >= 500)):
        return None
    text = f"{error[0]}: {error[1]}" if error else f"status {reply.status}"
    return text, _retry_after(reply)


def _retry_after(reply: Reply) -> float | None:
    try:
        return max(float(reply.headers.get("retry-after", "")), 0.0)
    except ValueError:
        return None


def _data(reply: Reply, answer: Mapping[str, Any]) -> dict[str, Any]:
    if error := _first_error(answer):
        raise _error(reply, *error)
    data = answer.get("data")
    if reply.status != 200 or not isinstance(data, dict):
        raise ServerUnavailable(f"status {reply.status}, and no answer of AIM; look at AIM_URL")
    return data


def _error(reply: Reply, code: str, message: str) -> AimError:
    if code == "UNAUTHENTICATED":
        reason, colon, _ = message.partition(": ")
        reason = reason if colon and reason.isupper() else code
        if reason in _CLOCK_CODES:
            return ClockError(f"{message}{_clock_hint(reply)}", reason)
        return AuthenticationFailed(message, reason)
    if code == "INTERNAL":
        return ServerUnavailable(f"AIM failed: {message}")
    return RequestRefused(message, code)


def _clock_hint(reply: Reply) -> str:
    try:
        theirs = parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return ""
    return f"; this clock is {time.time() - theirs:+.0f} s from the server's"
