"""A subscriber over server-sent events, in a thread."""

import contextlib
import json
import socket
import threading
import time
from typing import Any

import httpx

from support.person import Person
from support.wait import wait_for


class Subscriber:
    """Keeps what it is told, with the time when it was."""

    def __init__(self, person: Person, subscription: str) -> None:
        self.heard: list[tuple[float, Any]] = []
        self._opened = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._listen, args=(person, subscription))
        self._thread.start()
        assert self._opened.wait(60)

    def _listen(self, person: Person, subscription: str) -> None:
        headers = {"authorization": f"Bearer {person.token}", "accept": "text/event-stream"}
        body = {"query": subscription}
        # Closed by the test, or the server ended: what was heard is kept.
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.Client(trust_env=False, timeout=None) as client,
            client.stream("POST", f"{person.url}/graphql", json=body, headers=headers) as answer,
        ):
            self._socket = answer.extensions["network_stream"].get_extra_info("socket")
            self._opened.set()
            for line in answer.iter_lines():
                if line.startswith("data:") and line[5:].strip():
                    self.heard.append((time.time(), json.loads(line[5:])["data"]))

    def first(self, field: str, **wanted: Any) -> tuple[float, Any]:
        """The first fact with these values."""

        def look() -> tuple[float, Any] | None:
            facts = ((at, data[field]) for at, data in list(self.heard) if field in data)
            fits = (it for it in facts if wanted.items() <= it[1].items())
            return next(fits, None)

        return wait_for(f"{field} with {wanted}", look)

    def close(self) -> None:
        """Hangs up."""
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
