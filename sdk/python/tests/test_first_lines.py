"""The three lines: an agent is registered, asks before it acts, and tells how it went."""

import asyncio

import pytest
from support.person import Person
from support.server import Server
from support.wait import wait_for

import aim_sdk
from aim_sdk import ActionDenied, Agent, ApprovalRequired, ConfigurationError, secure


def test_a_tracked_function_is_allowed_and_reported(agent: Agent, person: Person) -> None:
    person.grant(agent.id, "get_weather")
    calls = []

    @agent.track_action(risk_level="LOW", resource="https://api.weather.example/{city}")
    def get_weather(city: str) -> dict[str, int]:
        calls.append(city)
        return {"celsius": 21}

    assert get_weather("Brno/../x") == {"celsius": 21}
    assert calls == ["Brno/../x"]
    assert agent.flush()
    (seen,) = person.verifications(agent.id)
    assert seen["decision"] == "ALLOWED"
    assert seen["resource"] == "https://api.weather.example/Brno%2F..%2Fx"
    assert seen["outcome"] == "OK"
    assert get_weather.__name__ == "get_weather"


async def test_the_same_for_asyncio(agent: Agent, person: Person) -> None:
    person.grant(agent.id, "get_weather")

    @agent.track_action(risk_level="LOW")
    async def get_weather(city: str) -> str:
        await asyncio.sleep(0)
        return city

    assert await get_weather("Brno") == "Brno"
    async with agent.action("get_weather", resource="x", context={"a": 1}) as action:
        assert aim_sdk.current_action() is action
    assert aim_sdk.current_action() is None
    verification = await agent.averify_action("get_weather")
    await agent.alog_action_result(verification, succeeded=False, duration=0.25, detail="late")
    assert await asyncio.to_thread(agent.flush)
    seen = person.verifications(agent.id)
    assert [it["outcome"] for it in seen] == ["ERROR", "OK", "OK"]
    assert seen[0]["durationMs"] == 250
    await agent.aclose()


def test_what_is_denied_does_not_run(agent: Agent, person: Person) -> None:
    calls = []

    @agent.track_action
    def get_weather() -> None:
        calls.append(1)

    with pytest.raises(ActionDenied) as denied:
        get_weather()
    assert calls == []
    assert denied.value.verification is not None
    assert denied.value.verification.codes == {"CAPABILITY_MISSING"}
    assert [it["decision"] for it in person.verifications(agent.id)] == ["DENIED"]


def test_what_waits_for_a_person_does_not_run(agent: Agent, person: Person) -> None:
    person.grant(agent.id, "db:*")
    with (
        pytest.raises(ApprovalRequired) as waits,
        agent.action("db:delete", resource="orders"),
    ):
        raise AssertionError("it ran")
    assert waits.value.verification is not None
    assert waits.value.verification.decision == "PENDING_APPROVAL"


def test_failures_are_reported_and_raised_as_they_are(agent: Agent, person: Person) -> None:
    person.grant(agent.id, "get_weather")

    @agent.track_action()
    def get_weather() -> None:
        raise ValueError("token=hunter2")

    with pytest.raises(ValueError, match="hunter2"):
        get_weather()
    assert agent.flush()
    (seen,) = person.verifications(agent.id)
    assert seen["outcome"] == "ERROR"
    query = "query($id: ID!) { verification(id: $id) { reasons { message } action } }"
    assert "hunter2" not in str(person.ask(query, id=seen["id"]))


def test_an_agent_is_found_again_without_the_api_key(agent: Agent, server: Server) -> None:
    again = secure(agent.name, url=server.url)
    assert (again.id, again.key.id) == (agent.id, agent.key.id)
    again.close()


def test_without_key_and_api_key_the_remedy_is_named(server: Server, name: str) -> None:
    with pytest.raises(ConfigurationError, match="AIM_API_KEY"):
        secure(name, url=server.url)


def test_a_taken_name_is_not_taken_over(
    agent: Agent, server: Server, api_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("AIM_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigurationError, match="registered already"):
        secure(agent.name, url=server.url, api_key=api_key)


def test_the_agent_is_quarantined_and_says_so(agent: Agent, person: Person, server: Server) -> None:
    given = {"agentId": agent.id, "reason": "a test"}
    person.mutate("suspendAgent", "agent { status }", **given)

    def is_denied() -> bool:
        try:
            agent.verify_action("get_weather")
        except ActionDenied as denied:
            return (
                denied.verification is not None and "AGENT_SUSPENDED" in denied.verification.codes
            )
        return False

    wait_for("the denial", is_denied)
    with pytest.raises(ActionDenied, match="may not act"):
        secure(agent.name, url=server.url)
