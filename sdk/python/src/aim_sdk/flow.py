"""Work that is written once and runs in threads and in asyncio alike.

A flow is a generator: it yields what has to happen outside, an HTTP request or a pause, and is sent
what came of it. :class:`aim_sdk.transport.Transport` drives flows, blocking or not.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


class Body(bytes):
    """What is sent. It may hold what nobody else should read, so it is not printed."""

    def __repr__(self) -> str:
        return f"Body({len(self)} bytes)"


@dataclass(frozen=True, slots=True)
class Send:
    """A request of GraphQL; ``timeout`` is in seconds."""

    content: bytes
    headers: Mapping[str, str]
    timeout: float

    def __repr__(self) -> str:
        # Headers and content may hold what nobody else should read.
        return f"Send({len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class NoAnswer(Exception):
    """Thrown into a flow whose request got no whole answer; the text says how."""


Flow: TypeAlias = Generator[Send | Pause, Reply | None, T]
