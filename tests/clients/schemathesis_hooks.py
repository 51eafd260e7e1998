"""Who asks, and what a fault is, for schemathesis (`tests/it/schema_tools.rs`).

AIM_AS says who: `session` is a person with a new session for each request, `agent` an agent that signs
each request (RFC 9421). Otherwise the command line says it.
"""

import base64
import hashlib
import os
import secrets
import time
from urllib.parse import urlsplit

import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies
from schemathesis.graphql import nodes

schemathesis.graphql.scalar(
    "JSON",
    strategies.one_of(
        strategies.text().map(nodes.String),
        strategies.integers(-(2**31), 2**31 - 1).map(nodes.Int),
        strategies.booleans().map(nodes.Boolean),
    ),
)

# What may be answered to made-up secrets. Anything else at the top level is a fault of the server.
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN", "BAD_USER_INPUT", "NOT_FOUND", "RATE_LIMITED"}
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } } }"


class NewSession(requests.auth.AuthBase):
    """Signs in for each request, so that one that ends the session ends no other's."""

    def __call__(self, request):
        credentials = {"email": os.environ["AIM_EMAIL"], "password": os.environ["AIM_PASSWORD"]}
        body = {"query": SIGN_IN, "variables": {"input": credentials}}
        answer = requests.post(request.url, json=body, timeout=30).json()
        token = answer["data"]["signIn"]["session"]["accessToken"]
        request.headers["authorization"] = f"Bearer {token}"
        return request


class Signed(requests.auth.AuthBase):
    """Signs method, target and body as they are sent."""

    def __init__(self):
        seed = base64.b64decode(os.environ["AIM_AGENT_SEED"])
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.key_id = os.environ["AIM_AGENT_KEY_ID"]

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        url = urlsplit(request.url)
        query = f"?{url.query}" if url.query else ""
        parameters = (
            '("@method" "@target-uri" "content-digest")'
            f';created={int(time.time())};nonce="{secrets.token_hex(16)}";keyid="{self.key_id}"'
        )
        text = (
            f'"@method": {request.method}\n'
            f'"@target-uri": {url.scheme}://{url.netloc.lower()}{url.path}{query}\n'
            f'"content-digest": {digest}\n'
            f'"@signature-params": {parameters}'
        )
        signature = base64.b64encode(self.key.sign(text.encode())).decode()
        request.headers["content-digest"] = digest
        request.headers["signature-input"] = f"sig1={parameters}"
        request.headers["signature"] = f"sig1=:{signature}:"
        return request


WHO = os.environ.get("AIM_AS")
if WHO == "session":
    schemathesis.auth.set_from_requests(NewSession())
elif WHO == "agent":
    schemathesis.auth.set_from_requests(Signed())


@schemathesis.check
def no_fault(ctx, response, case):
    """Secrets that were made up are refused; nothing else may go wrong."""
    assert response.status_code < 500, f"status {response.status_code}"
    for error in response.json().get("errors") or []:
        code = (error.get("extensions") or {}).get("code")
        assert code in REFUSALS or "path" not in error, f"{code}: {error.get('message')}"
