"""Signed events: their bytes, their signature, and what is refused before it is sent."""

from __future__ import annotations

import base64
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from aim_sdk.errors import ConfigurationError, RequestRefused
from aim_sdk.events import EVENT_MAX, ActionEvent, EventProducer
from aim_sdk.signing import AgentKey

AGENT = "0192f0a0-0000-7000-8000-000000000001"
KEY = AgentKey.generate()


def sign(action: str = "send_email", **fields: Any) -> ActionEvent:
    return ActionEvent.sign(KEY, AGENT, action, **fields)


def test_an_event_is_what_the_document_of_the_topic_says() -> None:
    moment = datetime(2026, 1, 5, 10, 0, 2, 123456, timezone(timedelta(hours=1)))
    event = sign(
        resource="bob@example.org",
        arguments={"subject": "minutes é"},
        risk="HIGH",
        session="run-17",
        task="weekly",
        byte_count=20_480,
        annotations={"openWorldHint": True},
        outcome="error",
        time=moment,
    )
    said = json.loads(event.value)
    assert said["time"] == "2026-01-05T09:00:02.123Z"
    assert (said["id"], said["source"]) == (event.id, f"urn:aim:agent:{AGENT}")
    document = json.loads((Path(__file__).parents[3] / "docs" / "asyncapi.json").read_text())
    schemas = document["components"]["schemas"]
    assert set(schemas["actionEvent"]["required"]) <= set(said)
    assert set(said) <= set(schemas["actionEvent"]["properties"])
    assert set(said["data"]) <= set(schemas["action"]["properties"])
    for member in ("specversion", "type", "datacontenttype"):
        assert said[member] == schemas["actionEvent"]["properties"][member]["const"]


def test_the_signature_is_over_the_bytes() -> None:
    event = sign()
    key_id, _, encoded = event.signature.partition("=:")
    signed = b"aim-event-v1\n" + key_id.encode() + b"\n" + event.value
    signature = base64.b64decode(encoded.rstrip(":"))
    KEY.private.public_key().verify(signature, signed)
    assert key_id == KEY.id


def test_each_event_has_an_id_of_its_own() -> None:
    assert len({sign().id for _ in range(1_000)}) == 1_000


def test_what_was_done_is_not_printed() -> None:
    assert "hunter2" not in repr(sign(arguments={"password": "hunter2"}))


@pytest.mark.parametrize(
    "fields",
    [
        {"action": ""},
        {"action": "two words"},
        {"action": "a" * 129},
        {"outcome": "denied"},
        {"byte_count": -1},
        {"byte_count": 2**64},
        {"time": datetime(2026, 1, 5)},
        {"arguments": {"a": float("nan")}},
        {"arguments": {"a": object()}},
        {"arguments": {"a": "\ud800"}},
        {"arguments": {"a": "hunter2" * EVENT_MAX}},
    ],
)
def test_what_the_server_would_not_take_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused) as caught:
        sign(**fields)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("agent", ["", "weather", AGENT.upper(), AGENT.replace("-", ""), None])
def test_an_agent_is_named_by_its_uuid(agent: Any) -> None:
    with pytest.raises(RequestRefused, match="UUID"):
        ActionEvent.sign(KEY, agent, "read")


def test_without_the_client_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(ConfigurationError, match=r"aim-sdk\[kafka\]"):
        EventProducer("127.0.0.1:9092")
