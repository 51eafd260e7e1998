"""Asking a person for a capability."""

from __future__ import annotations

from dataclasses import dataclass

from .flow import Flow
from .graphql import Caller, payload

_REQUEST = """mutation($input: RequestCapabilityInput!) { requestCapability(input: $input) {
    capabilityRequest { id capability resource status } userErrors { code message field } } }"""


@dataclass(frozen=True, slots=True)
class CapabilityRequest:
    """What was asked for, and how far it is; ``PENDING`` until a person answers."""

    id: str
    capability: str
    resource: str | None
    status: str


def request_capability(
    caller: Caller, capability: str, reason: str, resource: str | None, life: int | None
) -> Flow[CapabilityRequest]:
    """Asks once; what waits or is granted already is refused with ``CONFLICT``."""
    fields = {
        "capability": capability,
        "reason": reason,
        "resource": resource,
        "lifeSeconds": life,
    }
    data = yield from caller.call(_REQUEST, {"input": fields})
    made = payload(data, "requestCapability", "capabilityRequest")
    return CapabilityRequest(made["id"], made["capability"], made["resource"], made["status"])
