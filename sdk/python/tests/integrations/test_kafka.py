"""Signed events through a real Kafka into the real server on PostgreSQL."""

import dataclasses
import os
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from support import server as servers
from support.person import Person
from support.server import Server, Services
from support.wait import wait_for

from aim_sdk import Agent, ConfigurationError, ServerUnavailable
from aim_sdk.events import ActionEvent, EventProducer, EventsNotDelivered


@pytest.fixture(scope="module")
def broker(services: Services) -> dict[str, str]:
    """An empty database, and topics of its own."""
    return services.fresh()


@pytest.fixture(scope="module")
def server(services: Services, broker: dict[str, str]) -> Iterator[Server]:
    """One process with every role on PostgreSQL and Kafka."""
    running = servers.start("one process", None, **broker, AIM_ROLE="all")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def person(server: Server) -> Iterator[Person]:
    """Its owner."""
    signed_in = Person(server)
    yield signed_in
    signed_in.close()


@pytest.fixture(scope="module")
def api_key(person: Person) -> str:
    """Lets agents be registered."""
    return person.api_key()


def producer(broker: dict[str, str]) -> EventProducer:
    return EventProducer(broker["AIM_KAFKA_BROKERS"], prefix=broker["AIM_KAFKA_PREFIX"])


def totals(person: Person) -> dict[str, int]:
    query = "{ streamTotals { appliedCount duplicateCount } }"
    return dict(person.ask(query)["streamTotals"])


def test_activity_and_trust_arrive_and_nothing_counts_twice(
    broker: dict[str, str], person: Person, agent: Agent
) -> None:
    before = totals(person)
    begin = datetime.now(timezone.utc) - timedelta(minutes=50)
    events = [
        ActionEvent.sign(
            agent.key,
            agent.uuid,
            "files:read",
            resource=f"/data/{minute % 3}",
            time=begin + timedelta(minutes=minute),
        )
        for minute in range(50)
    ]
    with producer(broker) as sender:
        for event in events:
            sender.send(event)
        sender.flush()
        sender.send(events[-1])

    def arrived() -> bool:
        now = totals(person)
        applied = now["appliedCount"] - before["appliedCount"]
        assert applied <= 50
        return (applied, now["duplicateCount"] - before["duplicateCount"]) == (50, 1)

    wait_for("the events", arrived)
    query = "query($id: ID!) { agent(id: $id) { lastSeenAt trust { score } } }"

    def trusted() -> bool:
        seen = person.ask(query, id=agent.id)["agent"]
        score = (seen["trust"] or {}).get("score")
        return seen["lastSeenAt"] is not None and score is not None and 0 < score <= 1

    wait_for("a trust score", trusted)


def test_what_was_tampered_with_is_a_dead_letter(
    broker: dict[str, str], person: Person, server: Server, agent: Agent
) -> None:
    applied = totals(person)["appliedCount"]
    good = ActionEvent.sign(agent.key, agent.uuid, "files:read", resource="/data/1")
    bad = dataclasses.replace(good, value=good.value.replace(b"/data/1", b"/data/2"))
    with producer(broker) as sender:
        sender.send(bad)
    # Nobody knows who sent it: it is the installation's, and no organization sees it.
    sample = 'aim_dead_letters_total{reason="SIGNATURE_INVALID"} 1'

    def given_up() -> bool:
        answer = httpx.get(f"{server.url}/metrics", trust_env=False)
        return sample in answer.text.splitlines()

    wait_for("the dead letter", given_up)
    assert totals(person)["appliedCount"] == applied


async def test_events_that_no_broker_takes_come_back(agent: Agent) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        sender = EventProducer(f"127.0.0.1:{nobody.getsockname()[1]}", delivery_timeout=1.0)
        events = [ActionEvent.sign(agent.key, agent.uuid, "files:read") for _ in range(2)]
        for event in events:
            sender.send(event)
        with pytest.raises(EventsNotDelivered) as caught:
            await sender.aflush()
        assert caught.value.events == tuple(events)
        assert isinstance(caught.value, ServerUnavailable)
        await sender.aflush()


def test_a_full_queue_is_an_error_in_time(agent: Agent) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        sender = EventProducer(
            f"127.0.0.1:{nobody.getsockname()[1]}",
            delivery_timeout=30.0,
            queue_timeout=0.2,
            settings={"queue.buffering.max.messages": 1},
        )
        sender.send(ActionEvent.sign(agent.key, agent.uuid, "files:read"))
        with pytest.raises(ServerUnavailable, match="was not sent"):
            sender.send(ActionEvent.sign(agent.key, agent.uuid, "files:read"))


def test_a_setting_that_is_refused_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError) as caught:
        EventProducer("127.0.0.1:9092", settings={"no.such.setting": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_forked_child_makes_its_own(agent: Agent) -> None:
    sender = EventProducer("127.0.0.1:9092", delivery_timeout=1.0)
    event = ActionEvent.sign(agent.key, agent.uuid, "files:read")
    child = os.fork()
    if child == 0:
        try:
            sender.send(event)
        except ConfigurationError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
