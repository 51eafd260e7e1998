"""A real mail server: aiosmtpd in a process of its own, with a folder for its letters."""

import email
import email.policy
import socket
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from support.wait import wait_for


class MailServer:
    """Listens on 127.0.0.1 until it is stopped."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._box = folder / "letters"
        self.url = f"smtp://127.0.0.1:{port}?tls=none"
        handler = ["-c", "aiosmtpd.handlers.Mailbox", str(self._box)]
        words = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", *handler]
        self._process = subprocess.Popen(words, stderr=subprocess.DEVNULL)

        def listens() -> bool:
            assert self._process.poll() is None, "the mail server ended"
            with socket.socket() as caller:
                return caller.connect_ex(("127.0.0.1", port)) == 0

        wait_for("the mail server", listens)

    def letters(self) -> list[tuple[float, EmailMessage]]:
        """When they came, and what they say."""
        found = []
        for file in (self._box / "new").glob("*"):
            read = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            found.append((file.stat().st_mtime, read))
        return sorted(found, key=lambda it: it[0])

    def letter_about(self, word: str) -> tuple[float, EmailMessage]:
        """The first one with a word in it; by the wall clock."""

        def look() -> tuple[float, EmailMessage] | None:
            return next((it for it in self.letters() if word in it[1].get_content()), None)

        return wait_for(f"a letter about {word}", look)

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait()


def now() -> float:
    """The clock of the folder's files."""
    return time.time()
