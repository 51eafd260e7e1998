"""What an audit event of Python is about to reach, start or write, in the words of capabilities."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

CONNECT = "network:connect"
EXECUTE = "system:execute"
WRITE = "files:write"
DELETE = "files:delete"

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Target:
    """A capability, and what it is needed on."""

    capability: str
    resource: str


@lru_cache(4096)
def host_of(host: str | bytes) -> str:
    """A host in one spelling: lower case, ASCII, no final dot, addresses as they are written."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    text = text.strip().rstrip(".").lower()
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        if text.isascii():
            return text
        try:
            return text.encode("idna").decode("ascii")
        except UnicodeError:
            return text
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def port_of(port: object) -> int | None:
    """A port, given as a number or by a service's name."""
    if isinstance(port, int):
        return port or None
    if isinstance(port, (str, bytes)) and port:
        text = port.decode("ascii", "replace") if isinstance(port, bytes) else port
        try:
            return int(text) if text.isdecimal() else socket.getservbyname(text)
        except (OSError, ValueError):
            return None
    return None


@lru_cache(4096)
def connection(host: str, port: int | None) -> Target:
    """Reaching a host on a port, or asking others about its name."""
    return Target(CONNECT, address_of(host, port))


def address_of(host: str, port: int | None) -> str:
    """A host and port as the address that policies and grants name."""
    name = f"[{host}]" if ":" in host else host
    if port == 443:
        return f"https://{name}"
    if port == 80:
        return f"http://{name}"
    return f"tcp://{name}" if port is None else f"tcp://{name}:{port}"


def place_of(url: str) -> tuple[str, int | None] | None:
    """Host and port of an address, if it is one."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return host_of(parts.hostname), port or {"http": 80, "https": 443}.get(parts.scheme)


def started(program: object) -> Target:
    """A program, by its path where it is found."""
    if isinstance(program, (list, tuple)):
        program = program[0] if program else ""
    name = os.fsdecode(program) if isinstance(program, (bytes, os.PathLike)) else str(program)
    if os.sep not in name:
        name = shutil.which(name) or name
    return Target(EXECUTE, name)


def opened(args: Sequence[Any]) -> Target | None:
    """The file that is opened to be written, if it is."""
    path, mode, flags = args
    if isinstance(flags, int):
        writes = bool(flags & _WRITING)
    else:
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return changed(WRITE, path) if writes else None


def changed(capability: str, path: object) -> Target | None:
    """A path in full, links followed. Descriptors were looked at when they were opened.

    Inside ``__pycache__`` nothing is written, and nobody asked: Python keeps what it compiles where
    it can, and goes on where it gets a ``PermissionError``.
    """
    if path is None or isinstance(path, int):
        return None
    try:
        text = os.fsdecode(path)  # type: ignore[arg-type]
    except TypeError:
        text = str(path)
    full = os.path.realpath(text)
    if "__pycache__" in full.split(os.sep):
        raise PermissionError(f"bytecode is not kept inside actions: {full}")
    return Target(capability, full)


def database(name: object) -> Target | None:
    """The file of a database of SQLite, unless it is in memory or only read."""
    text = os.fsdecode(name) if isinstance(name, (bytes, os.PathLike)) else str(name)
    if text in ("", ":memory:"):
        return None
    if text.startswith("file:"):
        parts = urlsplit(text)
        mode = parse_qs(parts.query).get("mode", [""])[-1]
        if mode in ("ro", "memory") or parts.path == ":memory:":
            return None
        text = parts.path
    return changed(WRITE, text)
