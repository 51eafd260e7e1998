"""Waiting for a person to agree, and presenting what they said."""

from __future__ import annotations

import time

from .errors import ActionDenied, ApprovalExpired, ApprovalRequired, RequestRefused
from .flow import Flow, Pause
from .graphql import Caller, payload
from .verification import FIELDS, ActionRequest, Verification, ask

_AWAIT = f"""query($id: ID!, $seconds: Int!) {{
    awaitApproval(verificationId: $id, waitSeconds: $seconds) {{ {FIELDS} }} }}"""
_PRESENT = f"""mutation($input: PresentApprovalInput!) {{ presentApproval(input: $input) {{
    verification {{ {FIELDS} }} userErrors {{ code message field }} }} }}"""
#: The longest that the server holds one question back.
_HOLD_MAX = 8
_AGREED = frozenset({"APPROVAL_GIVEN", "APPROVED_BEFOREHAND"})


def ask_person(caller: Caller, request: ActionRequest, timeout: float) -> Flow[Verification]:
    """An allowed verification that a person agreed to, within ``timeout`` seconds.

    Raises :class:`ApprovalDenied`, :class:`ApprovalExpired` or :class:`ActionDenied` when it comes
    to nothing, and :class:`ApprovalRequired` when the server would not have asked anybody.
    """
    deadline = time.monotonic() + timeout
    verification = yield from ask(caller, request)
    try:
        while verification.approval == "PENDING":
            verification = yield from _wait(caller, verification, deadline)
        if verification.approval == "APPROVED":
            verification = yield from _present(caller, verification)
    except RequestRefused as error:
        # An agent that was stopped in the meantime may not even hear of the answer.
        if error.code == "FORBIDDEN":
            raise ActionDenied(f"{request}: {error}", verification) from None
        raise
    verification.raise_unless_allowed()
    if not verification.codes & _AGREED:
        raise ApprovalRequired(
            f"{request}: the server allows it without a person; raise its risk level to CRITICAL, "
            "or publish a policy with the effect REQUIRE_APPROVAL",
            verification,
        )
    return verification


def _wait(caller: Caller, verification: Verification, deadline: float) -> Flow[Verification]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ApprovalExpired(f"{verification.request}: nobody answered in time", verification)
    seconds = max(min(int(left), _HOLD_MAX), 0)
    if seconds == 0:
        # What is left is less than the server counts in.
        yield Pause(left)
    variables = {"id": verification.id, "seconds": seconds}
    data = yield from caller.call(_AWAIT, variables, extra=seconds)
    answer = data.get("awaitApproval")
    if answer is None:
        raise ApprovalExpired(f"{verification.request}: the server has lost it", verification)
    return Verification.of(verification.request, answer)


def _present(caller: Caller, verification: Verification) -> Flow[Verification]:
    which = {"verificationId": verification.id}
    try:
        data = yield from caller.call(_PRESENT, {"input": verification.request.fields() | which})
    except RequestRefused as error:
        # Expired in the meantime; or presented by us, and the answer got lost: good once, so over.
        if error.code == "CONFLICT":
            text = f"{verification.request}: the approval is not good any more: {error}"
            raise ApprovalExpired(text, verification) from None
        raise
    return Verification.of(verification.request, payload(data, "presentApproval", "verification"))
