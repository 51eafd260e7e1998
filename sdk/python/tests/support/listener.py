"""A socket that counts who connects."""

import socket
import threading


class Listener:
    """Listens on 127.0.0.1. A connection counts once it is made, whatever is sent."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._count = 0
        self._seen = threading.Condition()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._seen:
                # Our own that only makes sure that nobody is still in the queue.
                self._count += connection.recv(1) != b"?"
                self._seen.notify_all()
            connection.close()

    def count(self) -> int:
        """How many have connected until now: one behind all of them is waited for."""
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"?")
            last.recv(1)
        with self._seen:
            return self._count
