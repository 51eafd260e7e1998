"""MCP servers in the configuration files of clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .clients import ConfigFile, Scope, config_files
from .jsonc import MalformedError, parse
from .machine import Machine, UnreadableError
from .package import package
from .redaction import command_digest, plain_name, program, public_url, variable_names

Transport = Literal["STDIO", "STREAMABLE_HTTP"]

#: More servers of one file are not listed.
SERVERS_MAX = 1_000
#: How sure it is that a server which is switched off is used.
_SWITCHED_OFF = 0.3
#: An entry that says neither what to start nor where to connect: a client's own extension.
_UNPLACED = 0.5


@dataclass(frozen=True, slots=True)
class SeenServer:
    """A server that a client is set up with, without anything secret."""

    name: str
    client: str
    file: str
    scope: Scope
    transport: Transport | None
    url: str | None = None
    command: str | None = None
    package: str | None = None
    command_digest: str | None = None
    environment: tuple[str, ...] = ()
    is_enabled: bool = True
    method: Literal["CLIENT_CONFIG"] = "CLIENT_CONFIG"
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Problem:
    """A file or an entry that could not be taken, and why; a finding of its own."""

    client: str
    file: str
    reason: str


def find_servers(
    machine: Machine, project: str | None = None
) -> tuple[list[SeenServer], list[Problem]]:
    """All servers that clients on the machine are set up with, and what could not be read."""
    servers: list[SeenServer] = []
    problems: list[Problem] = []
    for file in config_files(machine, project):
        shown = _shown(machine, file, project)
        for found in _in_file(machine, file, shown):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                servers.append(found)
    return list(dict.fromkeys(servers)), problems


def _shown(machine: Machine, file: ConfigFile, project: str | None) -> str:
    if file.scope == "project" and project is not None:
        return file.path[len(machine.path(project)) :].replace("\\", "/").lstrip("/")
    return file.path if file.scope == "everybody" else machine.under_home(file.path)


def _in_file(machine: Machine, file: ConfigFile, shown: str) -> Iterator[SeenServer | Problem]:
    try:
        content = machine.read(file.path)
        if content is None or not content.strip():
            return
        root = parse(content)
    except (UnreadableError, MalformedError) as error:
        yield Problem(file.client, shown, str(error))
        return
    if not isinstance(root, dict):
        yield Problem(file.client, shown, "is no object")
        return
    count = 0
    for place in file.places:
        for entries in _at(root, place):
            if not isinstance(entries, dict):
                yield Problem(file.client, shown, f"`{'.'.join(place)}` is no object")
                continue
            for name, entry in entries.items():
                count += 1
                if count > SERVERS_MAX:
                    yield Problem(file.client, shown, f"has more than {SERVERS_MAX} servers")
                    return
                yield _server(file, shown, name, entry)


def _at(value: Any, place: tuple[str, ...]) -> Iterator[Any]:
    """What is at a place; nothing where the way to it is not there."""
    if not place:
        yield value
    elif isinstance(value, dict) and place[0] == "*":
        for member in value.values():
            yield from _at(member, place[1:])
    elif isinstance(value, dict) and place[0] in value:
        yield from _at(value[place[0]], place[1:])


def _server(file: ConfigFile, shown: str, name: str, entry: Any) -> SeenServer | Problem:
    if not isinstance(entry, dict):
        return Problem(file.client, shown, "has a server that is no object")
    command, arguments = _command(entry)
    url = _text(entry, "url") or _text(entry, "httpUrl") or _text(entry, "serverUrl")
    transport: Transport | None = None
    if command is not None:
        transport = "STDIO"
    elif url is not None:
        transport = "STREAMABLE_HTTP"
    confidence = file.confidence if transport is not None else _UNPLACED
    is_enabled = not (entry.get("disabled") is True or entry.get("enabled") is False)
    started = program(command) if command is not None else None
    return SeenServer(
        # A name that is left out still counts: a server was seen.
        name=plain_name(name) or "unnamed",
        client=file.client,
        file=shown,
        scope=file.scope,
        transport=transport,
        url=public_url(url) if url is not None and command is None else None,
        command=started,
        package=package(started, arguments) if started is not None else None,
        command_digest=command_digest(command, arguments) if command is not None else None,
        environment=_environment(entry),
        is_enabled=is_enabled,
        confidence=confidence if is_enabled else _SWITCHED_OFF,
    )


def _command(entry: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """What is started with which arguments; Zed had both in an object once."""
    inner = entry.get("command")
    if isinstance(inner, dict):
        command, arguments = _text(inner, "path"), inner.get("args")
    else:
        command, arguments = _text(entry, "command"), entry.get("args")
    words = arguments if isinstance(arguments, list) else []
    return command, [word for word in words if isinstance(word, str)]


def _environment(entry: Mapping[str, Any]) -> tuple[str, ...]:
    inner = entry.get("command")
    values = inner.get("env") if isinstance(inner, dict) else entry.get("env")
    return variable_names(list(values)) if isinstance(values, dict) else ()


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) and value.strip() else None
