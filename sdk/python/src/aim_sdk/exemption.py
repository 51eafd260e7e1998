"""The SDK's own connections, which the egress guard does not ask about.

The exemption holds for one address alone, that of the server: whoever gets into it can reach
nothing else with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_server: ContextVar[str | None] = ContextVar("aim_own_connections", default=None)


@contextmanager
def own_connections(url: str) -> Iterator[None]:
    """Within it, connections to ``url`` are the SDK's own."""
    token = _server.set(url)
    try:
        yield
    finally:
        _server.reset(token)


def exempt_url() -> str | None:
    """The server's URL while the SDK itself is talking to it, else nothing."""
    return _server.get()
