"""Which clients keep MCP servers where, on which system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .machine import Machine

Scope = Literal["user", "project", "everybody"]

#: A person's own settings are used as they are.
_OWN = 0.95
#: Settings in a project are used where a person has agreed to.
_PROJECT = 0.8

_MCP_SERVERS = (("mcpServers",),)
_SERVERS = (("servers",),)
_EDITOR = (("mcp", "servers"), ("mcp.servers",))
_ZED = (("context_servers",),)
# `*` is every member.
_CLAUDE_CODE = (("mcpServers",), ("projects", "*", "mcpServers"))

_VSCODE_KINDS = {"Code": "vscode", "Code - Insiders": "vscode-insiders", "VSCodium": "vscodium"}
_VSCODE_EXTENSIONS = {
    "cline": ("saoudrizwan.claude-dev", "settings", "cline_mcp_settings.json"),
    "roo-code": ("rooveterinaryinc.roo-cline", "settings", "mcp_settings.json"),
}
_IN_HOME = {
    "claude-code": (".claude", "settings.json"),
    "cursor": (".cursor", "mcp.json"),
    "windsurf": (".codeium", "windsurf", "mcp_config.json"),
    "gemini-cli": (".gemini", "settings.json"),
    "lm-studio": (".lmstudio", "mcp.json"),
    "amazon-q": (".aws", "amazonq", "mcp.json"),
}
_IN_PROJECT = (
    ("claude-code", (".mcp.json",), _MCP_SERVERS),
    ("cursor", (".cursor", "mcp.json"), _MCP_SERVERS),
    ("vscode", (".vscode", "mcp.json"), _SERVERS),
    ("vscode", (".vscode", "settings.json"), _EDITOR),
    ("zed", (".zed", "settings.json"), _ZED),
    ("roo-code", (".roo", "mcp.json"), _MCP_SERVERS),
    ("gemini-cli", (".gemini", "settings.json"), _MCP_SERVERS),
    ("amazon-q", (".amazonq", "mcp.json"), _MCP_SERVERS),
)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that a client reads, and where in it servers are."""

    client: str
    path: str
    places: tuple[tuple[str, ...], ...]
    scope: Scope
    confidence: float


def config_files(machine: Machine, project: str | None = None) -> Iterator[ConfigFile]:
    """The files to look at on a machine and, with ``project``, in a project's folder."""
    yield from _of_the_user(machine)
    managed = machine.path(machine.system_folder(), "managed-mcp.json")
    yield ConfigFile("claude-code", managed, _MCP_SERVERS, "everybody", _OWN)
    for client, parts, places in _IN_PROJECT if project is not None else ():
        path = machine.path(project or "", *parts)
        yield ConfigFile(client, path, places, "project", _PROJECT)


def _of_the_user(machine: Machine) -> Iterator[ConfigFile]:
    def own(client: str, path: str, places: tuple[tuple[str, ...], ...]) -> ConfigFile:
        return ConfigFile(client, path, places, "user", _OWN)

    settings = machine.settings_folder()
    desktop = machine.path(settings, "Claude", "claude_desktop_config.json")
    yield own("claude-desktop", desktop, _MCP_SERVERS)
    claude = machine.path(machine.claude_folder(), ".claude.json")
    yield own("claude-code", claude, _CLAUDE_CODE)
    for client, parts in _IN_HOME.items():
        yield own(client, machine.path(machine.home, *parts), _MCP_SERVERS)
    for folder, client in _VSCODE_KINDS.items():
        user = machine.path(settings, folder, "User")
        yield own(client, machine.path(user, "mcp.json"), _SERVERS)
        yield own(client, machine.path(user, "settings.json"), _EDITOR)
        for extension, parts in _VSCODE_EXTENSIONS.items():
            yield own(extension, machine.path(user, "globalStorage", *parts), _MCP_SERVERS)
    # Zed keeps to `.config` on macOS, too.
    zed = settings if machine.system == "windows" else machine.dot_config()
    name = "Zed" if machine.system == "windows" else "zed"
    yield own("zed", machine.path(zed, name, "settings.json"), _ZED)
