"""Asking whether an action is allowed, and telling how it went."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import ActionDenied, ApprovalDenied, ApprovalExpired, ApprovalRequired
from .flow import Flow
from .graphql import Caller, payload

logger = logging.getLogger("aim_sdk")

#: What an agent says of an action's risk; the server raises it where the action itself is riskier.
RiskLevel = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]

FIELDS = """id decision risk expiresAt actionDigest reasons { code message }
    approval { status }"""
_VERIFY = f"""mutation($input: VerifyActionInput!) {{ verifyAction(input: $input) {{
    verification {{ {FIELDS} }} userErrors {{ code message field }} }} }}"""
_REPORT = """mutation($input: ReportActionResultInput!) { reportActionResult(input: $input) {
    verification { id } userErrors { code message field } } }"""
_DETAIL_MAX = 1000


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What an agent wants to do."""

    action: str
    resource: str | None = None
    arguments: Mapping[str, Any] | None = field(default=None, repr=False)
    risk_level: RiskLevel | None = None
    session: str | None = None
    task: str | None = None

    def fields(self) -> dict[str, Any]:
        """Its form in GraphQL."""
        fields = {
            "action": self.action,
            "resource": self.resource,
            "arguments": None if self.arguments is None else dict(self.arguments),
            "riskLevel": self.risk_level,
            "session": self.session,
            "task": self.task,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def __str__(self) -> str:
        return f"`{self.action}`" + (f" on `{self.resource}`" if self.resource else "")


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that spoke for or against an action; ``code`` such as ``CAPABILITY_MISSING``."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The server's recorded answer."""

    #: Global id; empty where nobody was asked (``fail_open``).
    id: str
    request: ActionRequest
    #: ``ALLOWED``, ``DENIED``, ``PENDING_APPROVAL``; ``UNVERIFIED`` where nobody was asked.
    decision: str
    reasons: tuple[Reason, ...] = ()
    risk: str | None = None
    expires_at: str | None = None
    #: SHA-256 of the whole action as canonical JSON (RFC 8785), in hexadecimal digits.
    action_digest: str | None = None
    #: How far an approval has come, where persons have to agree.
    approval: str | None = None

    @classmethod
    def of(cls, request: ActionRequest, answer: Mapping[str, Any]) -> Verification:
        """Reads the fields :data:`FIELDS`."""
        reasons = tuple(Reason(it["code"], it["message"]) for it in answer["reasons"])
        return cls(
            id=answer["id"],
            request=request,
            decision=answer["decision"],
            reasons=reasons,
            risk=answer["risk"],
            expires_at=answer["expiresAt"],
            action_digest=answer["actionDigest"],
            approval=(answer.get("approval") or {}).get("status"),
        )

    @property
    def is_allowed(self) -> bool:
        """Whether the agent may act."""
        return self.decision in ("ALLOWED", "UNVERIFIED")

    @property
    def codes(self) -> frozenset[str]:
        """Codes of the reasons."""
        return frozenset(reason.code for reason in self.reasons)

    def raise_unless_allowed(self) -> None:
        """Raises what fits the reasons: :class:`ActionDenied` or one of its kinds."""
        if self.is_allowed:
            return
        why = "; ".join(reason.message for reason in self.reasons) or "no reason was given"
        text = f"{self.request}: {why}"
        if "APPROVAL_DENIED" in self.codes:
            raise ApprovalDenied(text, self)
        if "APPROVAL_EXPIRED" in self.codes:
            raise ApprovalExpired(text, self)
        if self.decision == "PENDING_APPROVAL":
            raise ApprovalRequired(text, self)
        raise ActionDenied(text, self)


def ask(caller: Caller, request: ActionRequest) -> Flow[Verification]:
    """The answer, whatever it is. However often it is sent, it is one question."""
    once = {"idempotencyKey": uuid.uuid4().hex}
    data = yield from caller.call(_VERIFY, {"input": request.fields() | once})
    return Verification.of(request, payload(data, "verifyAction", "verification"))


def report(
    caller: Caller,
    verification: Verification,
    *,
    succeeded: bool,
    duration: float | None,
    detail: str | None,
) -> Flow[None]:
    """Tells how an allowed action went. Telling the same again changes nothing."""
    if not verification.id:
        logger.warning("the result of %s is not reported: nobody was asked", verification.request)
        return
    fields: dict[str, Any] = {"verificationId": verification.id, "isSuccess": succeeded}
    if duration is not None:
        fields["durationMs"] = max(round(duration * 1000), 0)
    if detail:
        fields["detail"] = detail.encode()[:_DETAIL_MAX].decode(errors="ignore")
    data = yield from caller.call(_REPORT, {"input": fields})
    payload(data, "reportActionResult", "verification")
