"""What is asked again and what is not, by the answers of servers and of what lies between."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from aim_sdk import (
    AimError,
    AuthenticationFailed,
    ClockError,
    RequestRefused,
    ServerUnavailable,
    graphql,
)
from aim_sdk.flow import NoAnswer, Pause, Reply, Send


def answer(status: int = 200, headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
    return Reply(status, headers or {}, json.dumps(body).encode())


def error(code: str, message: str = "why") -> Reply:
    return answer(errors=[{"message": message, "extensions": {"code": code}}])


def run(*outcomes: Reply | NoAnswer, timeout: float = 60.0) -> tuple[Any, list[float], list[Any]]:
    """The data, the pauses, and who asked each time."""
    nonces = iter(range(100))
    flow = graphql.request(
        graphql.encode("{ x }", {}), lambda _: {"nonce": str(next(nonces))}, timeout
    )
    pauses, asked = [], []
    left = list(outcomes)
    outcome: Reply | NoAnswer | None = None
    while True:
        try:
            step = flow.throw(outcome) if isinstance(outcome, NoAnswer) else flow.send(outcome)
        except StopIteration as stop:
            assert left == []
            return stop.value, pauses, asked
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            outcome = None
        else:
            assert isinstance(step, Send)
            asked.append((step.content, dict(step.headers)))
            outcome = left.pop(0)


GOOD = answer(data={"x": 1})


@pytest.mark.parametrize(
    "passing",
    [
        NoAnswer("ConnectError"),
        Reply(502, {}, b"<html>"),
        Reply(503, {}, b""),
        Reply(500, {}, b"a proxy's own page"),
        error("UNAVAILABLE"),
        error("TIMEOUT"),
        answer(429, errors=[{"message": "slow", "extensions": {"code": "RATE_LIMITED"}}]),
    ],
    ids=repr,
)
def test_what_passes_is_asked_again_with_a_new_signature(passing: Reply | NoAnswer) -> None:
    data, pauses, asked = run(passing, passing, GOOD)
    assert data == {"x": 1}
    assert len(pauses) == 2
    assert all(0 < pause <= 2 for pause in pauses)
    assert len({body for body, _ in asked}) == 1
    assert [headers["nonce"] for _, headers in asked] == ["0", "1", "2"]


def test_retry_after_is_heeded_within_the_time() -> None:
    slow = answer(429, {"retry-after": "7"}, errors=[{"message": "x"}])
    assert run(slow, GOOD)[1] == [7.0]
    with pytest.raises(ServerUnavailable):
        run(slow, timeout=5)


@pytest.mark.parametrize(
    ("final", "kind", "code"),
    [
        (error("UNAUTHENTICATED", "KEY_REVOKED: it was"), AuthenticationFailed, "KEY_REVOKED"),
        (error("UNAUTHENTICATED", "no"), AuthenticationFailed, "UNAUTHENTICATED"),
        (error("UNAUTHENTICATED", "SIGNATURE_STALE: old"), ClockError, "SIGNATURE_STALE"),
        (error("FORBIDDEN"), RequestRefused, "FORBIDDEN"),
        (error("BAD_USER_INPUT"), RequestRefused, "BAD_USER_INPUT"),
        (error("INTERNAL"), ServerUnavailable, None),
        (Reply(200, {}, b"[]"), ServerUnavailable, None),
        (Reply(200, {}, b"<html>captive portal"), ServerUnavailable, None),
        (Reply(404, {}, b"not here"), ServerUnavailable, None),
        (Reply(302, {"location": "https://elsewhere.example"}, b""), ServerUnavailable, None),
        (answer(errors="nonsense", data=None), ServerUnavailable, None),
        (answer(errors=["nonsense"]), ServerUnavailable, None),
    ],
    ids=repr,
)
def test_what_is_final_is_raised_at_once(final: Reply, kind: type[AimError], code: str) -> None:
    with pytest.raises(kind) as raised:
        run(final)
    assert getattr(raised.value, "code", None) == code


def test_the_time_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServerUnavailable, match="ConnectError"):
        run(*[NoAnswer("ConnectError")] * 50, timeout=0.5)


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_what_is_no_json_is_not_sent(value: object) -> None:
    with pytest.raises(RequestRefused, match="JSON"):
        graphql.encode("{ x }", {"input": value})
