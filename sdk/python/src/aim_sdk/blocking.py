"""Blocking sockets in the shape of asyncio's, so that what uses them is written once.

Their coroutines wait inside, never for an event loop: :func:`finished` runs them to the end.
"""

from __future__ import annotations

import ssl
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import httpcore

T = TypeVar("T")


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine comes to that waits for no event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("a blocking coroutine waited for an event loop")


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        self._stream.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Blocking(httpcore.AsyncNetworkBackend):
    """Sockets that block."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(
            self._sockets.connect_tcp(host, port, timeout, local_address, socket_options)
        )
