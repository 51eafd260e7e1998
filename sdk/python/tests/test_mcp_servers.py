"""What agents say of MCP servers: a signed word on one, and a list of those that were seen."""

import asyncio
import json
import uuid
from pathlib import Path

import pytest
from support.person import Person

from aim_sdk import Agent, RequestRefused
from aim_sdk.detect import detect

WORDS = """query($id: ID!) { mcpServer(id: $id) { attestations(first: 5) {
    nodes { digest agent { id } } } } }"""


def registered(person: Person) -> str:
    """The id of a server that a person has registered."""
    name = f"tools-{uuid.uuid4().hex[:12]}"
    return person.mutate("registerMcpServer", "mcpServer { id }", name=name, transport="STDIO")[
        "mcpServer"
    ]["id"]


async def test_a_later_word_takes_the_place_of_a_former_one(agent: Agent, person: Person) -> None:
    server = registered(person)
    first = await asyncio.to_thread(
        lambda: agent.attest_mcp(server, digest="a" * 64, tools=["forecast", "ψ"], latency=0.0124)
    )
    assert first.digest == "a" * 64
    assert not first.is_of_approved
    second = await agent.aattest_mcp(server, digest="b" * 64, tools=[], latency=0.0)
    assert second.id != first.id
    words = person.ask(WORDS, id=server)["mcpServer"]["attestations"]["nodes"]
    assert [(it["digest"], it["agent"]["id"]) for it in words] == [("b" * 64, agent.id)]
    await agent.aclose()


@pytest.mark.parametrize("wrong", ["", "tools", "QWdlbnQ6eA", "🦀"])
def test_what_is_no_server_is_refused(agent: Agent, wrong: str) -> None:
    with pytest.raises(RequestRefused, match="no id of an MCP server"):
        agent.attest_mcp(wrong, digest="a" * 64, tools=[], latency=0.1)


def test_a_malformed_digest_is_refused_by_its_name(agent: Agent, person: Person) -> None:
    with pytest.raises(RequestRefused, match="digest"):
        agent.attest_mcp(registered(person), digest="none", tools=[], latency=0.1)


def test_seen_servers_wait_for_a_person(agent: Agent, person: Person, tmp_path: Path) -> None:
    name = f"seen-{uuid.uuid4().hex[:4]}"
    servers = {
        name: {"command": "uvx", "args": ["weather", "--token=very-secret"]},
        f"{name}-web": {"type": "http", "url": "https://tools.example/mcp?key=very-secret"},
    }
    settings = tmp_path / ".vscode"
    settings.mkdir()
    (settings / "mcp.json").write_text(json.dumps({"servers": servers}))
    seen = [it for it in detect(tmp_path).servers if it.name.startswith(name)]
    assert len(seen) == 2
    report = agent.report_mcp_servers(seen)
    assert (report.new, report.registered, report.refused) == (2, 0, 0)
    again = agent.report_mcp_servers(seen)
    assert (again.new, again.known) == (0, 2)
    query = """query($filter: McpSightingFilter) { mcpSightings(filter: $filter) {
        nodes { name status transport url } } }"""
    found = person.ask(query, filter={"search": name})["mcpSightings"]["nodes"]
    assert {it["name"] for it in found} == set(servers)
    assert "very-secret" not in json.dumps(found)
