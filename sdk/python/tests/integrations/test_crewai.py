"""CrewAI itself, with a model that says what it is told to say."""

import json
import os
import warnings
from typing import Any

import pytest
from company import Company
from pydantic import Field

os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
os.environ["OTEL_SDK_DISABLED"] = "true"
with warnings.catch_warnings():
    # What the library warns of about itself is not ours.
    warnings.simplefilter("ignore")
    import crewai
    from crewai.llms.base_llm import BaseLLM
    from crewai.tools import BaseTool, tool
    from crewai.tools.tool_failure import ToolExecutionFailedError, ToolFailure

    from aim_sdk import ActionDenied, Agent
    from aim_sdk.integrations.crewai import secure_tools

pytestmark = pytest.mark.filterwarnings("ignore")


class Scripted(BaseLLM):
    """Calls tools, then says `done`; remembers what it was told."""

    turns: list[str] = Field(default_factory=list)
    heard: list[str] = Field(default_factory=list)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        self.heard.append(json.dumps(messages, default=str))
        return self.turns.pop(0) if self.turns else "Thought: enough\nFinal Answer: done"

    async def acall(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        return self.call(messages)


def model(*named: tuple[str, dict[str, Any]]) -> Scripted:
    turns = [
        f"Thought: go on\nAction: {name}\nAction Input: {json.dumps(given)}"
        for name, given in named
    ]
    return Scripted(model="scripted", turns=turns, heard=[])


@pytest.fixture
def tools(company: Company) -> list[BaseTool]:
    @tool
    def get_weather(city: str) -> str:
        """The weather in a city."""
        company.ran.append(city)
        return f"sunny in {city}"

    @tool
    def send_mail(to: str) -> Any:
        """Sends mail."""
        company.ran.append(to)
        return ToolFailure(message=f"{to} does not exist")

    return [get_weather, send_mail]


WEATHER = ("get_weather", {"city": "Brno"})


def crew(script: Scripted, tools: list[BaseTool], **options: Any) -> crewai.Crew:
    analyst = crewai.Agent(
        role="analyst",
        goal="look",
        backstory="none",
        llm=script,
        tools=tools,
        max_iter=6,
        **options,
    )
    task = crewai.Task(description="look", expected_output="a word", agent=analyst)
    return crewai.Crew(agents=[analyst], tasks=[task], verbose=False)


def test_what_is_allowed_runs_and_is_reported(company: Company, tools: list[BaseTool]) -> None:
    company.grant("get_weather")
    script = model(WEATHER)
    result = crew(script, secure_tools(company.agent, tools)).kickoff()
    assert result.raw == "done"
    assert "sunny in Brno" in script.heard[-1]
    assert company.ran == ["Brno"]
    assert company.record() == [("get_weather", "ALLOWED", "OK")]


def test_what_is_denied_never_runs_and_the_model_hears_of_it(
    company: Company, tools: list[BaseTool]
) -> None:
    script = model(WEATHER)
    result = crew(script, secure_tools(company.agent, tools)).kickoff()
    assert "Not allowed, and not done" in script.heard[-1]
    (failure,) = result.tasks_output[0].tool_failures
    assert failure.failure.code == "ActionDenied"
    assert company.ran == []
    assert company.record() == [("get_weather", "DENIED", None)]


async def test_the_same_for_asyncio(company: Company, tools: list[BaseTool]) -> None:
    company.grant("send_mail")
    script = model(WEATHER, ("send_mail", {"to": "nobody"}))
    result = await crew(script, secure_tools(company.agent, tools)).akickoff()
    assert result.raw == "done"
    assert company.ran == ["nobody"]
    assert company.record() == [
        ("get_weather", "DENIED", None),
        ("send_mail", "ALLOWED", "ERROR"),
    ]
    await company.agent.aclose()


def test_a_denial_can_end_the_crew(company: Company, tools: list[BaseTool]) -> None:
    secured = secure_tools(company.agent, tools)
    with pytest.raises(ToolExecutionFailedError, match="Not allowed"):
        crew(model(WEATHER), secured, tool_failure_policy="raise").kickoff()
    assert company.ran == []


def test_each_call_is_asked_for_although_results_are_kept(
    company: Company, tools: list[BaseTool]
) -> None:
    company.grant("get_weather")
    script = model(WEATHER, ("get_weather", {"city": "Graz"}), WEATHER)
    crew(script, secure_tools(company.agent, tools)).kickoff()
    assert company.ran == ["Brno", "Graz", "Brno"]
    assert len(company.record()) == 3


def test_when_aim_is_gone_nothing_runs(
    unreachable: Agent, company: Company, tools: list[BaseTool]
) -> None:
    crew(model(WEATHER), secure_tools(unreachable, tools)).kickoff()
    assert company.ran == []


async def test_tools_of_coroutines_run_within_their_action(company: Company) -> None:
    @tool
    async def get_weather(city: str) -> str:
        """The weather in a city."""
        company.ran.append(city)
        return "sunny"

    (secured,) = secure_tools(company.agent, [get_weather])
    denied = await secured.arun(city="Brno")
    assert isinstance(denied, ToolFailure)
    company.grant("get_weather")
    assert await secured.arun(city="Brno") == "sunny"
    assert company.ran == ["Brno"]
    await company.agent.aclose()


def test_a_tracked_function_is_a_tool(company: Company) -> None:
    @tool
    @company.agent.track_action
    def get_weather(city: str) -> str:
        """The weather in a city."""
        company.ran.append(city)
        return "sunny"

    with pytest.raises(ActionDenied):
        get_weather.run(city="Brno")
    company.grant("get_weather")
    assert get_weather.run(city="Brno") == "sunny"
