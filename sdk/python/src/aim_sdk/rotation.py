"""A new key takes the place of the agent's key."""

from __future__ import annotations

import time

from .errors import RequestRefused
from .flow import Flow
from .graphql import Caller, payload
from .registration import Identity, identify, organization_of
from .signing import AgentKey, prove_rotation

_ROTATE = """mutation($input: RotateAgentKeyInput!) { rotateAgentKey(input: $input) {
    agent { id } userErrors { code message field } } }"""


def rotate(
    old: Caller, new: Caller, identity: Identity, key: AgentKey, grace: int | None
) -> Flow[None]:
    """Signed by the key that goes; the proof is by ``key``, the one that comes."""
    organization = yield from organization_of(old)
    created = int(time.time())
    fields = {
        "agentId": identity.id,
        "publicKey": key.public,
        "graceSeconds": grace,
        "proofOfPossession": {
            "created": created,
            "signature": prove_rotation(key, organization, identity.uuid, created),
        },
    }
    try:
        data = yield from old.call(_ROTATE, {"input": fields})
        payload(data, "rotateAgentKey", "agent")
    except RequestRefused as error:
        # An attempt before may have come through although its answer did not.
        if error.code != "CONFLICT" or (yield from identify(new)) is None:
            raise
