"""Actions of fleets over Kafka: CloudEvents 1.0, each signed with its agent's key.

Agents that act often, or far from the server, ask nobody and tell what they did. The stream learns
from these events and finds what is out of the ordinary; it decides nothing beforehand. Whoever has
to ask first uses :meth:`aim_sdk.Agent.verify_action`.

Needs ``aim-sdk[kafka]``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from .errors import ConfigurationError, RequestRefused, ServerUnavailable
from .signing import AgentKey, sign_event
from .verification import RiskLevel

logger = logging.getLogger("aim_sdk")

#: The topic of actions, after the prefix that the server has in ``kafka_prefix``.
TOPIC = "aim.actions"
#: The largest event that the server takes.
EVENT_MAX = 64 * 1024
#: How many events that were not delivered are kept for whoever asks.
LOST_MAX = 10_000

_TYPE = "aim.action.performed.v1"
_ACTION = re.compile(r"[A-Za-z0-9._/:-]{1,128}")
_WAIT = 0.1


@dataclass(frozen=True, slots=True)
class ActionEvent:
    """What an agent did, in the bytes that are signed. Sending one again changes nothing."""

    id: str
    #: The agent's UUID: the key of the record, so that an agent's events stay in order.
    agent: str
    value: bytes = field(repr=False)
    signature: str = field(repr=False)

    @classmethod
    def sign(
        cls,
        key: AgentKey,
        agent: str,
        action: str,
        *,
        outcome: Literal["ok", "error"] = "ok",
        resource: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        session: str | None = None,
        task: str | None = None,
        risk: RiskLevel | None = None,
        byte_count: int | None = None,
        annotations: Mapping[str, bool] | None = None,
        time: datetime | None = None,
    ) -> ActionEvent:
        """Makes the event of one action of the agent with that UUID, signed with its key.

        Raises:
            RequestRefused: The server would not take it; ``field`` is named in the text.
        """
        data = {
            "action": action,
            "outcome": outcome,
            "resource": resource,
            "arguments": None if arguments is None else dict(arguments),
            "session": session,
            "task": task,
            "risk": risk,
            "bytes": byte_count,
            "annotations": None if annotations is None else dict(annotations),
        }
        name = str(uuid.uuid4())
        envelope = {
            "specversion": "1.0",
            "id": name,
            "source": f"urn:aim:agent:{_checked_agent(agent)}",
            "type": _TYPE,
            "time": _timestamp(time),
            "datacontenttype": "application/json",
            "data": {member: value for member, value in data.items() if value is not None},
        }
        _check(action, outcome, byte_count)
        value = _encoded(envelope)
        return cls(name, agent, value, sign_event(key, value))


class EventsNotDelivered(ServerUnavailable):
    """Kafka did not take some events in time; ``events`` can be sent again as they are."""

    def __init__(self, message: str, events: tuple[ActionEvent, ...]) -> None:
        super().__init__(message)
        self.events = events


class EventProducer:
    """Sends events to Kafka, those of any number of agents; safe to share between threads.

    Each is written to all replicas in its agent's order, and not twice by a retry of the client.
    An event is delivered once :meth:`flush` has returned without an error, not before. A process
    that dies before that has lost what was on the way.
    """

    def __init__(
        self,
        brokers: str,
        *,
        prefix: str = "",
        delivery_timeout: float = 30.0,
        queue_timeout: float = 10.0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """``settings`` are those of librdkafka, for TLS and SASL; integrity is not among them.

        ``delivery_timeout`` is for Kafka to take an event, ``queue_timeout`` for room to wait in.
        """
        try:
            import confluent_kafka
        except ImportError:
            raise ConfigurationError("install `aim-sdk[kafka]` to send events to Kafka") from None
        self._topic = prefix + TOPIC
        self._timeout = delivery_timeout
        self._queue_timeout = queue_timeout
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._lost: list[tuple[ActionEvent, str]] = []
        self._lost_count = 0
        integrity = {
            "bootstrap.servers": brokers,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": round(delivery_timeout * 1000),
        }
        options = {"linger.ms": 5, "compression.type": "lz4", **(settings or {}), **integrity}
        try:
            self._producer = confluent_kafka.Producer(options, logger=logger)
        except (confluent_kafka.KafkaException, TypeError, ValueError) as error:
            # Its text may quote a password.
            kind = type(error).__name__
            raise ConfigurationError(
                f"Kafka's client does not take the settings ({kind})"
            ) from None

    def __enter__(self) -> EventProducer:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.flush()

    def send(self, event: ActionEvent) -> None:
        """Hands an event over; waits while too many are on the way.

        Raises:
            ServerUnavailable: There was no room within the time for deliveries.
        """
        self._check_process()
        deadline = time.monotonic() + self._queue_timeout
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value=event.value,
                    key=event.agent.encode(),
                    headers=[
                        ("aim-signature", event.signature.encode()),
                        ("content-type", b"application/cloudevents+json"),
                    ],
                    on_delivery=lambda error, _message: self._delivered(event, error),
                )
                break
            except BufferError:
                if time.monotonic() >= deadline:
                    text = f"too many events wait for Kafka; {event} was not sent"
                    raise ServerUnavailable(text) from None
                self._producer.poll(_WAIT)
        self._producer.poll(0)

    def flush(self) -> None:
        """Waits until all that was sent is delivered, or given up on.

        Raises:
            EventsNotDelivered: Some were given up on since the last call.
        """
        self._check_process()
        # The client gives up by itself after its own time; a little more lets it say so.
        left = self._producer.flush(self._timeout + 5.0)
        with self._lock:
            lost, count = self._lost, self._lost_count
            self._lost, self._lost_count = [], 0
        if count or left:
            why = lost[0][1] if lost else "no answer"
            raise EventsNotDelivered(
                f"{count + left} events were not delivered to Kafka: {why}",
                tuple(event for event, _ in lost),
            )

    async def aflush(self) -> None:
        """:meth:`flush`, without holding up the event loop."""
        await asyncio.to_thread(self.flush)

    def _delivered(self, event: ActionEvent, error: Any) -> None:
        if error is None:
            return
        with self._lock:
            self._lost_count += 1
            if len(self._lost) < LOST_MAX:
                self._lost.append((event, str(error.name())))

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ConfigurationError("a Kafka client does not survive a fork; make it after that")


def _checked_agent(agent: str) -> str:
    try:
        same = str(uuid.UUID(agent)) == agent
    except (ValueError, AttributeError, TypeError):
        same = False
    if not same:
        raise RequestRefused("`agent` is no UUID; give the agent's `uuid`")
    return agent


def _timestamp(moment: datetime | None) -> str:
    moment = datetime.now(timezone.utc) if moment is None else moment
    if moment.tzinfo is None:
        raise RequestRefused("`time` has no time zone; give one, such as `timezone.utc`")
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _check(action: str, outcome: str, byte_count: int | None) -> None:
    if not _ACTION.fullmatch(action):
        raise RequestRefused("`action` has 1 to 128 letters, digits and `. _ / : -`, nothing else")
    if outcome not in ("ok", "error"):
        raise RequestRefused(f"`outcome` is `{outcome}`; give `ok` or `error`")
    if byte_count is not None and not 0 <= byte_count < 2**64:
        raise RequestRefused("`byte_count` is no count of bytes; give 0 to 2⁶⁴ - 1")


def _encoded(envelope: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        value = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        # The text of the error may quote a value.
        raise RequestRefused(f"`arguments` are no JSON ({type(error).__name__})") from None
    if (size := len(value)) > EVENT_MAX:
        raise RequestRefused(f"the event has {size} bytes, of {EVENT_MAX}; shorten `arguments`")
    return value
