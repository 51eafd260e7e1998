"""Wrong clocks, replays, rotation under load, a hundred threads, a thousand tasks."""

import asyncio
import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from support.person import Person
from support.server import Server

from aim_sdk import ActionDenied, Agent, AuthenticationFailed, ClockError, secure, signing

VERIFY = """mutation { verifyAction(input: { action: "get_weather" }) {
    verification { decision } userErrors { message } } }"""


@pytest.fixture
def tool(agent: Agent, person: Person) -> Agent:
    """An agent that may do one thing."""
    person.grant(agent.id, "get_weather")
    return agent


@pytest.mark.parametrize(
    ("seconds", "code"), [(-400, "SIGNATURE_STALE"), (150, "SIGNATURE_FROM_FUTURE")]
)
def test_a_wrong_clock_is_named_and_nothing_runs(
    tool: Agent, seconds: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = SimpleNamespace(time=lambda: time.time() + seconds)
    monkeypatch.setattr(signing, "time", wrong)

    @tool.track_action()
    def get_weather() -> None:
        raise AssertionError("it ran")

    with pytest.raises(ClockError) as refused:
        get_weather()
    assert refused.value.code == code


@pytest.mark.parametrize("seconds", [-120, 40])
def test_a_clock_that_is_a_little_off_is_good(
    tool: Agent, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = SimpleNamespace(time=lambda: time.time() + seconds)
    monkeypatch.setattr(signing, "time", wrong)
    assert tool.verify_action("get_weather").is_allowed


def post(server: Server, body: bytes, fields: dict[str, str]) -> Any:
    """Sends a request as somebody would who has seen it."""
    headers = fields | {"content-type": "application/json"}
    return httpx.post(
        f"{server.url}/graphql", content=body, headers=headers, trust_env=False
    ).json()


def test_what_was_sent_is_good_once_and_as_it_was(
    tool: Agent, server: Server, person: Person
) -> None:
    body = b'{"query":"%s"}' % VERIFY.replace("\n", " ").replace('"', '\\"').encode()
    fields = signing.sign_request(tool.key, "POST", f"{server.url}/graphql", body)
    first = post(server, body, fields)
    assert first["data"]["verifyAction"]["verification"]["decision"] == "ALLOWED"
    for again in (post(server, body, fields), post(server, body + b" ", fields)):
        assert again["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", again
    assert len(person.verifications(tool.id)) == 1


def test_a_hundred_threads(tool: Agent, person: Person) -> None:
    ran: Counter[int] = Counter()
    failures: list[BaseException] = []
    together = threading.Barrier(100)

    @tool.track_action()
    def get_weather(number: int) -> int:
        ran[number] += 1
        return number

    def work(number: int) -> None:
        try:
            together.wait()
            for turn in range(5):
                assert get_weather(number * 5 + turn) == number * 5 + turn
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ran == Counter(range(500))
    assert tool.flush(120)
    query = "query($id: ID!) { verifications(filter: { agentId: $id }) { totalCount } }"
    assert person.ask(query, id=tool.id)["verifications"]["totalCount"] == 500
    stats = "query($id: ID!) { verificationStats(agentId: $id) { sampleCount } }"
    assert person.ask(stats, id=tool.id)["verificationStats"]["sampleCount"] == 500


async def test_a_thousand_tasks(tool: Agent, person: Person) -> None:
    ran: Counter[int] = Counter()

    @tool.track_action()
    async def get_weather(number: int) -> int:
        ran[number] += 1
        await asyncio.sleep(0)
        return number

    found = await asyncio.gather(*(get_weather(number) for number in range(1000)))
    assert found == [*range(1000)]
    assert ran == Counter(range(1000))
    assert await asyncio.to_thread(tool.flush, 120)
    query = "query($id: ID!) { verifications(filter: { agentId: $id }) { totalCount } }"
    assert person.ask(query, id=tool.id)["verifications"]["totalCount"] == 1000
    await tool.aclose()


def test_keys_are_exchanged_under_load(tool: Agent, person: Person, server: Server) -> None:
    failures: list[BaseException] = []
    over = threading.Event()
    counts: Counter[str] = Counter()

    def work() -> None:
        try:
            while not over.is_set():
                counts[tool.key.id] += tool.verify_action("get_weather").is_allowed
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    keys = [tool.key.id]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            tool.rotate_key(grace=60)
            keys.append(tool.key.id)
            used = counts[keys[-1]]
            while counts[keys[-1]] < used + 20 and not failures:
                time.sleep(0.01)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(set(keys)) == 4
    again = secure(tool.name, url=server.url)
    assert again.key.id == keys[-1]
    again.close()


def test_a_process_dies_in_the_middle_of_an_exchange(
    tool: Agent, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tool._store
    saved = store.save

    def save(url: str, name: str, key: Any) -> None:
        if not name.endswith("#successor"):
            raise KeyboardInterrupt
        saved(url, name, key)

    monkeypatch.setattr(store, "save", save)
    with pytest.raises(KeyboardInterrupt):
        tool.rotate_key(grace=0)
    again = secure(tool.name, url=server.url)
    assert again.key.id != tool.key.id
    assert again.verify_action("get_weather").is_allowed
    # It was kept under its own name by then.
    third = secure(tool.name, url=server.url)
    assert third.key.id == again.key.id
    third.close()
    again.close()


def test_a_revoked_key_is_good_for_nothing(tool: Agent, person: Person, server: Server) -> None:
    query = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }"
    (key,) = person.ask(query, id=tool.id)["agent"]["keys"]["nodes"]
    person.mutate("revokeAgentKey", "key { id }", keyId=key["id"], reason="a test")
    with pytest.raises(ActionDenied) as denied:
        tool.verify_action("get_weather")
    assert denied.value.verification is not None
    assert denied.value.verification.codes == {"KEY_REVOKED"}
    with pytest.raises(AuthenticationFailed) as refused:
        secure(tool.name, url=server.url)
    assert refused.value.code == "KEY_REVOKED"
