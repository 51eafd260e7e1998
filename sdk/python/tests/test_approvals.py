"""A function that needs a person runs when one has agreed, and never otherwise."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support import server as servers
from support.person import Person
from support.server import Server
from support.wait import wait_for

from aim_sdk import (
    ActionDenied,
    Agent,
    ApprovalDenied,
    ApprovalExpired,
    ApprovalRequired,
    ServerUnavailable,
    secure,
)


@pytest.fixture
def payer(agent: Agent, person: Person) -> Agent:
    """An agent that may pay when somebody agrees."""
    person.grant(agent.id, "pay")
    return agent


def pending(person: Person, agent: Agent) -> Any:
    """The verification that waits for a person."""

    def look() -> Any:
        seen = person.verifications(agent.id)
        return next(
            (it for it in seen if it["approval"] and it["approval"]["status"] == "PENDING"), 0
        )

    return wait_for("a pending approval", look)


class InThread:
    """A call in a thread, and what became of it."""

    def __init__(self, call: Any) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error

    def join(self) -> "InThread":
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self


def test_it_waits_until_a_person_agrees(payer: Agent, person: Person) -> None:
    calls = []

    @payer.require_approval(resource="account {to}")
    def pay(to: str, cents: int) -> str:
        calls.append((to, cents))
        return "paid"

    paying = InThread(lambda: pay("ada", 5))
    waits = pending(person, payer)
    assert waits["resource"] == "account ada"
    assert calls == []
    query = "query($id: ID!) { verification(id: $id) { approval { arguments } } }"
    shown = person.ask(query, id=waits["id"])["verification"]["approval"]["arguments"]
    assert shown == {"to": "ada", "cents": 5}
    person.answer(waits["id"], True)
    assert (paying.join().result, calls) == ("paid", [("ada", 5)])
    assert payer.flush()
    (seen,) = person.verifications(payer.id)
    assert (seen["decision"], seen["approval"]["status"], seen["outcome"]) == (
        "ALLOWED",
        "USED",
        "OK",
    )


async def test_the_same_for_asyncio(payer: Agent, person: Person) -> None:
    calls = []

    @payer.require_approval()
    async def pay(to: str) -> str:
        calls.append(to)
        return "paid"

    paying = asyncio.create_task(pay("ada"))
    waits = await asyncio.to_thread(pending, person, payer)
    assert calls == []
    person.answer(waits["id"], True)
    assert (await paying, calls) == ("paid", ["ada"])
    await payer.aclose()


def test_a_no_is_raised(payer: Agent, person: Person) -> None:
    @payer.require_approval()
    def pay() -> None:
        raise AssertionError("it ran")

    paying = InThread(pay)
    person.answer(pending(person, payer)["id"], False)
    assert isinstance(paying.join().error, ApprovalDenied)


def test_the_callers_patience_ends(payer: Agent, person: Person) -> None:
    @payer.require_approval(timeout=1.5)
    def pay() -> None:
        raise AssertionError("it ran")

    with pytest.raises(ApprovalExpired, match="nobody answered"):
        pay()


def test_what_is_forbidden_by_then_is_denied(payer: Agent, person: Person) -> None:
    @payer.require_approval()
    def pay() -> None:
        raise AssertionError("it ran")

    paying = InThread(pay)
    waits = pending(person, payer)
    given = {"agentId": payer.id, "reason": "a test"}
    person.mutate("suspendAgent", "agent { status }", **given)
    person.answer(waits["id"], True)
    assert type(paying.join().error) is ActionDenied


def test_what_no_person_is_asked_about_is_refused(agent: Agent, person: Person) -> None:
    person.grant(agent.id, "get_weather")

    @agent.require_approval(risk_level="LOW")
    def get_weather() -> None:
        raise AssertionError("it ran")

    with pytest.raises(ApprovalRequired, match="without a person"):
        get_weather()


def test_what_is_not_granted_is_denied_at_once(agent: Agent) -> None:
    @agent.require_approval()
    def pay() -> None:
        raise AssertionError("it ran")

    with pytest.raises(ActionDenied) as denied:
        pay()
    assert denied.value.verification is not None
    assert denied.value.verification.codes == {"CAPABILITY_MISSING"}


@pytest.fixture
def own_server(place: Any) -> Iterator[Server]:
    """A server to be ill-treated, where nobody answers for longer than two seconds."""
    running = servers.start(*place)
    yield running
    running.stop()


@pytest.fixture
def waiting(own_server: Server, name: str) -> Iterator[tuple[InThread, Person, Agent]]:
    """A call that waits for a person there."""
    owner = Person(own_server)
    payer = secure(name, url=own_server.url, api_key=owner.api_key(), timeout=3, fail_open=True)
    owner.grant(payer.id, "pay")

    @payer.require_approval()
    def pay() -> None:
        raise AssertionError("it ran")

    paying = InThread(pay)
    pending(owner, payer)
    yield paying, owner, payer
    owner.close()
    payer.close()


def test_the_server_dies(own_server: Server, waiting: Any) -> None:
    own_server.api.kill()
    assert isinstance(waiting[0].join().error, ServerUnavailable)


def test_the_network_is_lost(own_server: Server, waiting: Any) -> None:
    own_server.api.pause()
    assert isinstance(waiting[0].join().error, ServerUnavailable)
    own_server.api.resume()


def test_the_server_comes_back_in_time(own_server: Server, name: str) -> None:
    owner = Person(own_server)
    payer = secure(name, url=own_server.url, api_key=owner.api_key(), timeout=60)
    owner.grant(payer.id, "pay")
    calls = []

    @payer.require_approval()
    def pay() -> None:
        calls.append(1)

    paying = InThread(pay)
    waits = pending(owner, payer)
    own_server.api.kill()
    own_server.api.start()
    owner.close()
    own_server.api.password = None
    owner = Person(own_server, "a password of tests only")
    owner.answer(waits["id"], True)
    assert (paying.join().error, calls) == (None, [1])
    owner.close()
    payer.close()


def test_nobody_answers_in_the_servers_time(own_server: Server, name: str) -> None:
    owner = Person(own_server)
    # The least that the server takes.
    given = {"waitSeconds": 30, "useSeconds": 60, "reason": "a test"}
    owner.mutate("setApprovalSettings", "approvalSettings { waitSeconds }", **given)
    payer = secure(name, url=own_server.url, api_key=owner.api_key())
    owner.grant(payer.id, "pay")

    @payer.require_approval()
    def pay() -> None:
        raise AssertionError("it ran")

    with pytest.raises(ApprovalExpired) as expired:
        pay()
    assert expired.value.verification is not None
    assert expired.value.verification.approval == "EXPIRED"
    owner.close()
    payer.close()
