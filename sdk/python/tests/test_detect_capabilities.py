"""Capabilities that source shows; source that is no source; programs in folders and in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support.person import Person
from support.server import Server

from aim_sdk import ActionDenied, secure
from aim_sdk.detect import (
    Machine,
    capabilities_in,
    capabilities_of_folder,
    capabilities_of_program,
    detect,
)
from aim_sdk.detect.capabilities import SOURCE_MAX, UnparsableError
from aim_sdk.detect.catalogue import CALLS, METHODS, MODULES


def names(source: str) -> list[str]:
    return [it.name for it in capabilities_in(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import requests", ["network:fetch", "network:post"]),
        ("from urllib import request", ["network:fetch", "network:post"]),
        ("import urllib.parse", []),
        ("import google.cloud.storage", ["api:call"]),
        ("from . import requests", []),
        ("import subprocess as s", ["system:execute"]),
        ("from sqlite3 import connect", ["db:query", "db:write"]),
        ("open('x')", ["files:read"]),
        ("open('x', 'rb')", ["files:read"]),
        ("open('x', mode='a')", ["files:write"]),
        ("open('x', mode)", ["files:write"]),
        ("from os import remove as rm\nrm('x')", ["files:delete"]),
        ("import os as o\no.system('x')", ["system:execute"]),
        ("remove('x')", []),
        ("path.write_text('x')", ["files:write"]),
        ("@agent.track_action(risk_level='LOW')\ndef weather(): ...", ["weather"]),
        ("@agent.track_action('db:query')\nasync def f(): ...", ["db:query"]),
        ("@agent.require_approval(name='pay')\ndef f(): ...", ["pay"]),
        ("@agent.track_action\ndef weather(): ...", ["weather"]),
        ("with agent.action('db:query'): ...", ["db:query"]),
        ("await agent.averify_action(action='mail:send')", ["mail:send"]),
        ("agent.verify_action(name)", []),
        ("@tool\ndef search(q): ...", ["search"]),
        ("@mcp.tool()\ndef search(q): ...", ["search"]),
        ("@mcp.tool(name='find')\ndef search(q): ...", ["find"]),
        ("@function_tool\nasync def search(q): ...", ["search"]),
        ("# import requests\n'import requests'", []),
        ("agent.verify_action('two words')", []),
        ("agent.verify_action('sk-ant-api03-Zq8Lw2Rt5Yx7Nv4Bc6Md')", []),
    ],
)
def test_source_shows(source: str, expected: list[str]) -> None:
    assert names(source) == expected


def test_the_surest_sighting_counts() -> None:
    source = (
        "import subprocess\nimport os\n\nos.system('x')\nagent.verify_action('system:execute')\n"
    )
    (seen,) = capabilities_in(source, "app.py")
    assert (seen.method, seen.line, seen.confidence, seen.file) == ("DECORATOR", 5, 1.0, "app.py")


@pytest.mark.parametrize(
    "source",
    [
        "def",
        "\x00",
        b"\xff\xfe",
        "(" * 100_000,
        "-" * 1_000_000 + "1",
        "x" * (SOURCE_MAX + 1),
        b"# coding: nonsense\n",
        "a" + ".b" * 200_000,
    ],
)
def test_what_is_no_source_is_said_and_nothing_breaks(source: str | bytes) -> None:
    with pytest.raises(UnparsableError):
        capabilities_in(source)


def test_capabilities_are_those_of_the_servers_catalogue(person: Person) -> None:
    known = {it["name"] for it in person.ask("{ capabilities { name } }")["capabilities"]}
    for table in (MODULES, CALLS, METHODS):
        assert {it for found in table.values() for it in found} <= known


def test_a_folder_is_a_program(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("import smtplib\n")
    (tmp_path / "broken.py").write_text("def")
    (tmp_path / "notes.txt").write_text("import requests")
    for other in ("venv", ".hidden", "node_modules", "mine/site-packages"):
        (tmp_path / other).mkdir(parents=True)
        (tmp_path / other / "x.py").write_text("import subprocess")
    (tmp_path / "own-environment").mkdir()
    (tmp_path / "own-environment" / "pyvenv.cfg").write_text("")
    (tmp_path / "own-environment" / "x.py").write_text("import subprocess")
    os.symlink(tmp_path, tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe.py")
    seen, problems = capabilities_of_folder(tmp_path)
    assert [(it.name, it.file) for it in seen] == [("email:send", "app/main.py")]
    assert [(it.file, it.reason) for it in problems] == [
        ("broken.py", "is no Python (line 1)"),
        ("pipe.py", "is no regular file"),
    ]


def test_a_running_program_is_its_own_modules(tmp_path: Path) -> None:
    def module(name: str, path: Path, source: str) -> ModuleType:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        made = ModuleType(name)
        made.__file__ = str(path)
        return made

    modules = {
        "mine": module("mine", tmp_path / "mine.py", "import imaplib"),
        "theirs": module("theirs", tmp_path / "site-packages" / "t.py", "import subprocess"),
        "elsewhere": module("elsewhere", tmp_path.parent / "elsewhere.py", "import sqlite3"),
        "builtin": ModuleType("builtin"),
    }
    seen, problems = capabilities_of_program(tmp_path, modules)
    assert problems == []
    assert [it.name for it in seen] == ["email:read"]


def test_everything_together_is_json_and_grants_nothing(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import requests\nagent.verify_action('db:query')\n")
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"time": {"command": "uvx"}}}')
    home = tmp_path / "home"
    home.mkdir()
    found = detect(tmp_path, machine=Machine("linux", str(home)))
    assert found.server_names() == ["time"]
    assert found.capability_names() == ["db:query", "network:fetch", "network:post"]
    assert found.capability_names(confidence=0.9) == ["db:query"]
    assert json.loads(json.dumps(found.to_dict()))["servers"][0]["scope"] == "project"


def test_what_is_declared_is_not_granted(
    tmp_path: Path, server: Server, api_key: str, name: str, person: Person
) -> None:
    (tmp_path / "app.py").write_text("import requests\n@tool\ndef search(): ...\n")
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"time": {"command": "uvx"}}}')
    found = detect(tmp_path, machine=Machine("linux", str(tmp_path)))
    agent = secure(
        name,
        url=server.url,
        api_key=api_key,
        capabilities=found.capability_names(),
        talks_to=found.server_names(),
    )
    query = "query($id: ID!) { agent(id: $id) { declaredCapabilities talksTo } }"
    said = person.ask(query, id=agent.id)["agent"]
    assert said["declaredCapabilities"] == ["network:fetch", "network:post", "search"]
    assert said["talksTo"] == ["time"]
    with pytest.raises(ActionDenied):
        agent.verify_action("search")
    agent.close()


def test_lists_are_no_longer_than_the_server_takes(tmp_path: Path) -> None:
    tools = "".join(f"@tool\ndef tool_{number}(): ...\n" for number in range(150))
    (tmp_path / "app.py").write_text(tools + "import requests\n")
    found = detect(tmp_path, machine=Machine("linux", str(tmp_path)))
    assert len(found.capability_names()) == 100
    assert "network:fetch" not in found.capability_names()


def test_the_command_prints_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import smtplib\n")
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    words = [sys.executable, "-m", "aim_sdk.detect"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    done = run(str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["capabilities"][0]["name"] == "email:send"
    (tmp_path / "broken.py").write_text("def")
    assert run(str(tmp_path)).returncode == 1
    assert run(str(tmp_path / "none")).returncode == 2
