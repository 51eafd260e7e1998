"""Signatures are those of the vectors that the server's own tests read, byte for byte."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim_sdk.signing import (
    AgentKey,
    prove_possession,
    prove_rotation,
    sign_event,
    sign_request,
    target_uri,
)

FILE = Path(__file__).parents[3] / "domain/tests/data/signing_vectors.json"
VECTORS = json.loads(FILE.read_text("utf-8"))


def key_of(vector: dict[str, Any]) -> AgentKey:
    return AgentKey(Ed25519PrivateKey.from_private_bytes(bytes([vector["seed"]]) * 32))


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda it: it["url"])
def test_requests(vector: dict[str, Any]) -> None:
    key = key_of(vector)
    assert (key.public, key.id) == (vector["publicKey"], vector["keyId"])
    fields = sign_request(
        key,
        vector["method"],
        vector["url"],
        base64.b64decode(vector["body"]),
        created=vector["created"],
        nonce=vector["nonce"],
    )
    assert fields == {
        "content-digest": vector["contentDigest"],
        "signature-input": vector["signatureInput"],
        "signature": vector["signature"],
    }


@pytest.mark.parametrize("vector", VECTORS["proofs"], ids=lambda it: it["kind"])
def test_proofs(vector: dict[str, Any]) -> None:
    prove = {"aim-register-v1": prove_possession, "aim-rotate-v1": prove_rotation}[vector["kind"]]
    made = prove(key_of(vector), vector["organization"], vector["subject"], vector["created"])
    assert made == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["events"], ids=lambda it: it["payload"][:16])
def test_events(vector: dict[str, Any]) -> None:
    payload = base64.b64decode(vector["payload"])
    assert sign_event(key_of(vector), payload) == vector["signature"]


def test_nonces_are_new_and_time_is_now() -> None:
    key = AgentKey.generate()
    fields = [sign_request(key, "POST", "http://a/graphql", b"")["signature-input"] for _ in "123"]
    assert len(set(fields)) == 3


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://AIM.example", "https://aim.example/"),
        ("http://a:443/x", "http://a:443/x"),
        ("http://a:80/x?", "http://a/x"),
        ("https://[::1]:8443/g?q=1", "https://[::1]:8443/g?q=1"),
    ],
)
def test_addresses_are_covered_as_they_are_sent(url: str, covered: str) -> None:
    assert target_uri(url) == covered


def test_keys_are_not_printed() -> None:
    key = AgentKey.generate()
    assert str(key) == repr(key) == f"AgentKey({key.id})"
