"""Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, and digests (RFC 9530)."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class AgentKey:
    """An agent's Ed25519 key. It signs; it is never printed."""

    __slots__ = ("_private", "id", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._private = private
        #: The public half, base64url.
        self.public = _base64url(raw)
        #: Its name in signatures: the JWK thumbprint (RFC 7638).
        self.id = thumbprint(self.public)

    @classmethod
    def generate(cls) -> AgentKey:
        """A new one."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def private(self) -> Ed25519PrivateKey:
        """For whoever keeps it."""
        return self._private

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"AgentKey({self.id})"


def thumbprint(public: str) -> str:
    """The JWK thumbprint of a public key in base64url."""
    jwk = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": public}, separators=(",", ":"))
    return _base64url(hashlib.sha256(jwk.encode()).digest())


def content_digest(body: bytes) -> str:
    """The field ``content-digest`` of a body, with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(
    key: AgentKey,
    method: str,
    url: str,
    body: bytes,
    *,
    created: int | None = None,
    nonce: str | None = None,
) -> dict[str, str]:
    """The three fields that make a request a signed one. Each call has a nonce of its own."""
    digest = content_digest(body)
    made = int(time.time()) if created is None else created
    once = secrets.token_hex(16) if nonce is None else nonce
    covered = '("@method" "@target-uri" "content-digest")'
    parameters = f'{covered};created={made};nonce="{once}";keyid="{key.id}"'
    base = (
        f'"@method": {method}\n"@target-uri": {target_uri(url)}\n'
        f'"content-digest": {digest}\n"@signature-params": {parameters}'
    )
    signature = base64.b64encode(key.sign(base.encode())).decode()
    return {
        "content-digest": digest,
        "signature-input": f"sig1={parameters}",
        "signature": f"sig1=:{signature}:",
    }


@functools.lru_cache(64)
def target_uri(url: str) -> str:
    """The address as it is covered: host in lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    authority = f"[{host}]" if ":" in host else host
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    if parts.port is not None and parts.port != standard:
        authority = f"{authority}:{parts.port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{authority}{parts.path or '/'}{query}"


def prove_possession(key: AgentKey, organization: str, name: str, created: int) -> str:
    """What a registration needs: that whoever brings the public key has the private one."""
    return _sign_lines(key, "aim-register-v1", organization, name, key.public, str(created))


def prove_rotation(new: AgentKey, organization: str, agent: str, created: int) -> str:
    """The same for the key that takes another one's place, by the new key."""
    return _sign_lines(new, "aim-rotate-v1", organization, agent, new.public, str(created))


def sign_event(key: AgentKey, payload: bytes) -> str:
    """The signature that travels beside an event: ``<key id>=:<base64>:``."""
    signature = key.sign(b"aim-event-v1\n" + key.id.encode() + b"\n" + payload)
    return f"{key.id}=:{base64.b64encode(signature).decode()}:"


def sign_statement(key: AgentKey, statement: Mapping[str, Any]) -> str:
    """A signature over a statement as canonical JSON, base64url.

    RFC 8785, of what has neither fractions nor names beyond ASCII.
    """
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _base64url(key.sign(text.encode()))


def _sign_lines(key: AgentKey, *lines: str) -> str:
    return base64.b64encode(key.sign("\n".join(lines).encode())).decode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
