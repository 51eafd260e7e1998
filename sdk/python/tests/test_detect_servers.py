"""MCP servers in clients' files: three systems, hostile files, and no secret in what is seen."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from aim_sdk.detect import Machine, Problem, SeenServer, find_servers
from aim_sdk.detect.clients import config_files
from aim_sdk.detect.machine import FILE_MAX, System, UnreadableError, read_file

LINUX = ("linux", "/home/ada", {})
MACOS = ("macos", "/Users/ada", {})
WINDOWS = ("windows", "C:\\Users\\ada", {"APPDATA": "C:\\Users\\ada\\AppData\\Roaming"})


def machine(files: dict[str, Any], place: tuple[Any, ...] = LINUX) -> Machine:
    system, home, environment = place
    raw = {
        path: it if isinstance(it, bytes) else json.dumps(it).encode() for path, it in files.items()
    }
    return Machine(system, home, environment, raw.get)


def one(entry: Any, path: str = "/home/ada/.cursor/mcp.json") -> SeenServer:
    servers, problems = find_servers(machine({path: {"mcpServers": {"tools": entry}}}))
    assert problems == []
    assert len(servers) == 1
    return servers[0]


def only_problem(content: bytes) -> str:
    servers, problems = find_servers(machine({"/home/ada/.cursor/mcp.json": content}))
    assert servers == []
    assert [(it.client, it.file) for it in problems] == [("cursor", "~/.cursor/mcp.json")]
    return problems[0].reason


ENTRY = {"command": "npx", "args": ["-y", "some-server"]}
MCP_SERVERS = {"mcpServers": {"tools": ENTRY}}
SERVERS = {"servers": {"tools": ENTRY}}
EDITOR = {"mcp": {"servers": {"tools": ENTRY}}}
ZED = {"context_servers": {"tools": ENTRY}}
CLINE = "globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"
CONFIG = "/home/ada/.config/"
APPLICATIONS = "/Users/ada/Library/Application Support/"
ROAMING = "C:\\Users\\ada\\AppData\\Roaming\\"


@pytest.mark.parametrize(
    ("place", "path", "content", "client"),
    [
        (
            LINUX,
            "/home/ada/.config/Claude/claude_desktop_config.json",
            MCP_SERVERS,
            "claude-desktop",
        ),
        (MACOS, APPLICATIONS + "Claude/claude_desktop_config.json", MCP_SERVERS, "claude-desktop"),
        (WINDOWS, ROAMING + "Claude\\claude_desktop_config.json", MCP_SERVERS, "claude-desktop"),
        (LINUX, "/home/ada/.claude.json", MCP_SERVERS, "claude-code"),
        (LINUX, "/home/ada/.claude.json", {"projects": {"/x": MCP_SERVERS}}, "claude-code"),
        (WINDOWS, "C:\\Users\\ada\\.claude.json", MCP_SERVERS, "claude-code"),
        (LINUX, "/etc/claude-code/managed-mcp.json", MCP_SERVERS, "claude-code"),
        (MACOS, "/Users/ada/.cursor/mcp.json", MCP_SERVERS, "cursor"),
        (WINDOWS, "C:\\Users\\ada\\.cursor\\mcp.json", MCP_SERVERS, "cursor"),
        (LINUX, "/home/ada/.config/Code/User/settings.json", EDITOR, "vscode"),
        (LINUX, "/home/ada/.config/Code/User/mcp.json", SERVERS, "vscode"),
        (MACOS, APPLICATIONS + "Code - Insiders/User/mcp.json", SERVERS, "vscode-insiders"),
        (WINDOWS, ROAMING + "Code\\User\\settings.json", EDITOR, "vscode"),
        (LINUX, f"/home/ada/.config/Code/User/{CLINE}", MCP_SERVERS, "cline"),
        (MACOS, f"{APPLICATIONS}Code/User/{CLINE}", MCP_SERVERS, "cline"),
        (WINDOWS, (f"{ROAMING}Code/User/{CLINE}").replace("/", "\\"), MCP_SERVERS, "cline"),
        (LINUX, "/home/ada/.codeium/windsurf/mcp_config.json", MCP_SERVERS, "windsurf"),
        (LINUX, "/home/ada/.config/zed/settings.json", ZED, "zed"),
        (MACOS, "/Users/ada/.config/zed/settings.json", ZED, "zed"),
        (WINDOWS, ROAMING + "Zed\\settings.json", ZED, "zed"),
        (LINUX, "/home/ada/.gemini/settings.json", MCP_SERVERS, "gemini-cli"),
        (LINUX, "/work/app/.mcp.json", MCP_SERVERS, "claude-code"),
        (LINUX, "/work/app/.vscode/mcp.json", SERVERS, "vscode"),
        (LINUX, "/work/app/.vscode/settings.json", EDITOR, "vscode"),
    ],
)
def test_each_client_is_found_on_each_system(
    place: tuple[Any, ...], path: str, content: Any, client: str
) -> None:
    servers, problems = find_servers(machine({path: content}, place), "/work/app")
    assert problems == []
    assert [(it.name, it.client, it.package) for it in servers] == [
        ("tools", client, "some-server")
    ]
    assert servers[0].method == "CLIENT_CONFIG"
    assert "ada" not in servers[0].file
    in_project = path.startswith("/work")
    assert servers[0].scope == ("project" if in_project else servers[0].scope)
    assert servers[0].confidence == (0.8 if in_project else 0.95)


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
def test_no_file_is_looked_at_twice(system: System) -> None:
    paths = [it.path for it in config_files(Machine(system, "/home/ada"), "/work/app")]
    assert len(paths) == len(set(paths))


def test_folders_of_the_environment_count_when_they_are_absolute() -> None:
    path = "/conf/Claude/claude_desktop_config.json"
    moved = ("linux", "/home/ada", {"XDG_CONFIG_HOME": "/conf"})
    assert len(find_servers(machine({path: MCP_SERVERS}, moved))[0]) == 1
    relative = ("linux", "/home/ada", {"XDG_CONFIG_HOME": "conf"})
    usual = "/home/ada/.config/Claude/claude_desktop_config.json"
    assert len(find_servers(machine({usual: MCP_SERVERS}, relative))[0]) == 1


def test_comments_commas_and_encodings_of_editors_are_read() -> None:
    text = """// mine
    { /* "mcpServers": {"no": {}} */ "mcpServers": { // here
        "a": { "url": "https://a.example/mcp", /* , */ }, // end
        "b//c": { "command": "uvx", "args": ["--from", "x,]", "y",], },
    }, }"""
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        content = text.encode(encoding)
        servers, problems = find_servers(machine({"/home/ada/.cursor/mcp.json": content}))
        assert problems == []
        assert [(it.name, it.url, it.command) for it in servers] == [
            ("a", "https://a.example/mcp", None),
            ("b//c", None, "uvx"),
        ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is no JSON (line 1)"),
        (b"\xff\xfe\x00", "is no Unicode text"),
        (b'{"mcpServers": {"a": ', "is no JSON (line 1)"),
        (b"[" * 1_000_000, "is nested too deeply"),
        (b'{"a": ' * 200_000, "is nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "has a number that is too long"),
        (b"[]", "is no object"),
        (b"null", "is no object"),
        (b'{"mcpServers": []}', "`mcpServers` is no object"),
        (b'{"mcpServers": {"a": "npx"}}', "has a server that is no object"),
    ],
)
def test_what_is_malformed_is_a_finding(content: bytes, reason: str) -> None:
    assert only_problem(content) == reason


@pytest.mark.parametrize(
    "content",
    [
        b"/*" * 2_000_000,
        b'"' + b'\\"' * 2_000_000,
        b'{"a"' + b"," * 4_000_000,
        (b"," + b" " * 1_000) * 4_000,
        b'"a\\' * 1_000_000,
        b"//" * 2_000_000,
    ],
)
def test_no_content_takes_long_for_its_size(content: bytes) -> None:
    # In quadratic time each of these would take hours, and the run would be stopped.
    assert only_problem(content).startswith("is no JSON")


def test_a_servers_file_without_end_is_cut() -> None:
    many = {"mcpServers": {f"s{number}": ENTRY for number in range(1_500)}}
    servers, problems = find_servers(machine({"/home/ada/.cursor/mcp.json": many}))
    assert len(servers) == 1_000
    expected = Problem("cursor", "~/.cursor/mcp.json", "has more than 1000 servers")
    assert problems == [expected]


def test_random_damage_never_raises() -> None:
    chance = random.Random(6)
    whole = json.dumps({"mcpServers": {"a": ENTRY, "b": {"url": "https://b.example"}}}).encode()
    for _ in range(3_000):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        servers, _ = find_servers(machine({"/home/ada/.cursor/mcp.json": bytes(damaged)}))
        json.dumps([it.file for it in servers])


@pytest.mark.parametrize(
    "value", [None, 7, True, [], {}, "", "\x00", "a" * 100_000, [[]], {"a": 1}]
)
@pytest.mark.parametrize("field", ["command", "args", "env", "url", "disabled", "enabled", "type"])
def test_members_of_any_type_are_taken_or_left(field: str, value: Any) -> None:
    one({**ENTRY, field: value})


TOKEN = "sk-ant-api03-Zq8Lw2Rt5Yx7Nv4Bc6Md"
PASSWORD = "hunter2-of-ada"


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "npx", "args": ["-y", "server"], "env": {"KEY": TOKEN}},
        {"command": "npx", "args": ["-y", "server", "--api-key", PASSWORD]},
        {"command": "npx", "args": ["-y", "server", f"--api-key={PASSWORD}"]},
        {"command": "npx", "args": ["--api-key", PASSWORD, "server"]},
        {"command": "npx", "args": [TOKEN]},
        {"command": "npx", "args": ["-y", f"postgresql://ada:{PASSWORD}@db.example/x"]},
        {"command": "uvx", "args": ["--from", f"git+https://{PASSWORD}@git.example/x", "y"]},
        {"command": "docker", "args": ["run", "-e", f"PW={PASSWORD}", "-i", "image"]},
        {"command": "docker", "args": ["run", "--secret", PASSWORD, "image"]},
        {"command": f"/home/{PASSWORD}/bin/npx", "args": []},
        {"command": f"npx -y server --token {PASSWORD}"},
        {"command": f"KEY={PASSWORD} npx"},
        {"command": {"path": "npx", "args": [TOKEN], "env": {"A": TOKEN}}},
        {"url": f"https://ada:{PASSWORD}@tools.example/mcp"},
        {"url": f"https://tools.example/mcp?key={PASSWORD}"},
        {"url": f"https://tools.example/mcp#{PASSWORD}"},
        {"url": f"https://tools.example/api/s/{TOKEN}/mcp"},
        {"url": "https://tools.example/s/9f86d081884c7d659a2feaa0c55ad015/mcp"},
        {"url": f"https://{TOKEN}.tools.example/mcp"},
        {"url": "https://tools.example/mcp", "headers": {"authorization": PASSWORD}},
        {"serverUrl": f"https://ada:{PASSWORD}@[::1]:9/mcp"},
        {"env": {TOKEN: "x"}, "command": "npx"},
    ],
)
def test_no_secret_is_in_what_is_seen(entry: Any) -> None:
    said = repr(one(entry))
    for secret in (TOKEN, PASSWORD, "9f86d081884c7d659a2feaa0c55ad015", TOKEN.lower()):
        assert secret not in said


def test_a_name_that_is_a_token_is_not_said() -> None:
    content = {"mcpServers": {TOKEN: ENTRY}}
    servers, _ = find_servers(machine({"/home/ada/.cursor/mcp.json": content}))
    assert [it.name for it in servers] == ["unnamed"]


def test_a_digest_is_not_over_secrets() -> None:
    def digest(*arguments: str) -> str | None:
        return one({"command": "npx", "args": list(arguments)}).command_digest

    plain = digest("-y", "pkg")
    # SHA-256 of `{"args":["-y","pkg"],"command":"npx"}`.
    assert plain == "eb68c8fa4f95591509ad4b0ed440617b79113cabe813f7f834b3869dd27b85fa"
    assert digest("-y", "pkg", "--token", "a") == digest("-y", "pkg", "--token", "b")
    assert digest("-y", "pkg", "--url=a") == digest("-y", "pkg", "--url=b")
    assert digest("-y", "else") != plain
    assert digest("-y", "pkg", TOKEN) is None


@pytest.mark.parametrize(
    ("command", "arguments", "package"),
    [
        ("npx", ["-y", "@scope/server-files@1.2.3", "/home"], "@scope/server-files@1.2.3"),
        ("C:\\Program Files\\nodejs\\npx.cmd", ["--yes", "server"], "server"),
        ("npx", ["--package", "pkg", "-y", "bin"], "pkg"),
        ("uvx", ["mcp-server-git", "--repository", "x"], "mcp-server-git"),
        ("uvx", ["--from", "mcp-server-git==1.0", "run"], "mcp-server-git==1.0"),
        ("uv", ["tool", "run", "mcp-server-time"], "mcp-server-time"),
        ("pipx", ["run", "mcp-server-time"], "mcp-server-time"),
        ("docker", ["run", "-i", "--rm", "-e", "T", "ghcr.io/a/b:1"], "ghcr.io/a/b:1"),
        ("python3", ["-m", "my_server.main"], "my_server.main"),
        ("python", ["server.py"], None),
        ("npx", [], None),
        ("docker", ["run", "--unknown", "x", "image"], None),
        ("uvx", ["--from"], None),
    ],
)
def test_packages_are_named_where_that_is_certain(
    command: str, arguments: list[str], package: str | None
) -> None:
    assert one({"command": command, "args": arguments}).package == package


def test_switched_off_and_placeless_servers_are_less_sure() -> None:
    assert (one({**ENTRY, "disabled": True}).confidence, one(ENTRY).confidence) == (0.3, 0.95)
    assert not one({**ENTRY, "enabled": False}).is_enabled
    extension = one({"source": "extension", "settings": {"token": TOKEN}})
    assert (extension.transport, extension.confidence) == (None, 0.5)


def test_files_that_are_no_files_are_not_waited_for(tmp_path: Any) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(FILE_MAX + 1)
    for path, reason in ((pipe, "regular"), (tmp_path, "regular|opened"), (huge, "larger")):
        with pytest.raises(UnreadableError, match=reason):
            read_file(str(path))
    assert read_file(str(tmp_path / "none")) is None
    with pytest.raises(UnreadableError):
        read_file("\x00")


def test_a_home_on_disk_is_read(tmp_path: Any) -> None:
    folder = tmp_path / ".cursor"
    folder.mkdir()
    (folder / "mcp.json").write_text(json.dumps(MCP_SERVERS))
    (tmp_path / ".claude.json").mkdir()
    servers, problems = find_servers(Machine("linux", str(tmp_path)))
    assert [it.name for it in servers] == ["tools"]
    assert [it.file for it in problems] == ["~/.claude.json"]
