"""The examples as a person runs them, with neighbours that this machine pretends to have."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support import server as servers
from support.listener import Listener
from support.mail import MailServer
from support.person import PASSWORD, Person
from support.server import Server
from support.wait import wait_for

EXAMPLES = Path(__file__).parents[1] / "examples"
STATE = ["3c6444", "DLH9LF  ", "Germany", 0, 0, 11.5678, 48.3456]


class Upstream(BaseHTTPRequestHandler):
    """Weather and flights."""

    def do_GET(self) -> None:
        if self.path.startswith("/api/states/"):
            answer = {"states": [STATE] if self.path.endswith("3c6444") else None}
        else:
            answer = {"current_condition": [{"temp_C": "21"}]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """An API that is asked."""
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=serving.serve_forever).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


@pytest.fixture(scope="module")
def attacker() -> Iterator[Listener]:
    """Nobody should ever connect here."""
    with Listener() as listening:
        yield listening


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server."""
    running = MailServer(tmp_path_factory.mktemp("mail"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """As `scripts/up` leaves it: nobody has signed in."""
    running = servers.start("sqlite", None)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def settings(
    server: Server,
    upstream: str,
    attacker: Listener,
    mail: MailServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What the examples are told; the agents are prepared."""
    home = tmp_path_factory.mktemp("home")
    told = {
        **servers.clean_environment(),
        "AIM_HOME": str(home),
        "AIM_KEY_STORE": "file",
        "AIM_URL": server.url,
        "AIM_PASSWORD": str(server.api.password),
        "AIM_NEW_PASSWORD": PASSWORD,
        "PYTHONPATH": str(EXAMPLES.parent / "src"),
        "WEATHER_URL": upstream,
        "FLIGHTS_URL": upstream,
        "MAIL_SERVER": str(urlsplit(mail.url).netloc),
        "ATTACKER_URL": f"http://127.0.0.1:{attacker.port}",
    }
    done = run(told, "prepare.py")
    assert "weather-agent: get_weather" in done
    server.api.password = None
    assert os.stat(home / "sdk.json").st_mode & 0o777 == 0o600
    # The profile alone is enough from now on.
    for name in ("AIM_URL", "AIM_PASSWORD", "AIM_NEW_PASSWORD"):
        del told[name]
    return told


def start(settings: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    command = [sys.executable, *words]
    return subprocess.Popen(
        command, cwd=EXAMPLES, env=settings, stdout=pipe, stderr=pipe, text=True
    )


def run(settings: dict[str, str], *words: str, code: int = 0) -> str:
    """What an example prints."""
    process = start(settings, *words)
    said, complained = process.communicate(timeout=120)
    assert process.returncode == code, said + complained
    return said if code == 0 else complained


@pytest.fixture(scope="module")
def owner(settings: dict[str, str], server: Server) -> Iterator[Person]:
    """Who agrees."""
    signed_in = Person(server, PASSWORD)
    yield signed_in
    signed_in.close()


def test_preparing_again_does_no_harm(settings: dict[str, str], server: Server) -> None:
    again = settings | {"AIM_URL": server.url, "AIM_PASSWORD": PASSWORD}
    assert "mail-assistant: " in run(again, "prepare.py")


def test_what_is_wrong_is_said(settings: dict[str, str], server: Server) -> None:
    wrong = settings | {"AIM_URL": server.url, "AIM_PASSWORD": "wrong"}
    assert run(wrong, "prepare.py", code=1).startswith("signIn: ")
    nobody = settings | {"AIM_URL": "http://127.0.0.1:1", "AIM_PASSWORD": "wrong"}
    assert "set AIM_URL" in run(nobody, "prepare.py", code=1)


def test_the_quick_start(settings: dict[str, str], upstream: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "sdk" / "quickstart.md").read_text()
    first, second = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    program = tmp_path / "first.py"
    program.write_text(first.replace("https://wttr.in", upstream))
    assert run(settings, str(program)) == "21\n"
    begun, end = first.split("print(")
    program.write_text(begun + second + end.partition("\n")[2])
    said = run(settings, str(program), code=1)
    assert "ActionDenied" in said
    assert "no live grant" in said


def test_the_weather_agent(settings: dict[str, str], attacker: Listener) -> None:
    assert run(settings, "weather_agent.py", "Brno") == "Brno: 21 °C\n"
    said = run(settings, "weather_agent.py", "Brno", "--hijacked", code=1)
    assert "stopped before it connected" in said
    assert attacker.count() == 0


def test_the_flight_tracker(settings: dict[str, str]) -> None:
    said = run(settings, "flight_tracker.py", "3c6444", "4b1805")
    assert said == "3c6444: DLH9LF at 48.35 11.57\n4b1805: not in the air\n"


def answer(owner: Person, is_approved: bool) -> None:
    query = "{ approvals(first: 1, filter: { status: PENDING }) { nodes { id } } }"

    def pending() -> str | None:
        nodes = owner.ask(query)["approvals"]["nodes"]
        return nodes[0]["id"] if nodes else None

    owner.answer(wait_for("the question", pending), is_approved)


def test_the_database_agent(settings: dict[str, str], owner: Person, tmp_path: Path) -> None:
    file = str(tmp_path / "orders.db")
    process = start(settings, "database_agent.py", file, "7")
    answer(owner, is_approved=False)
    said, complained = process.communicate(timeout=120)
    assert "a person said no" in said, complained
    process = start(settings, "database_agent.py", file, "7")
    answer(owner, is_approved=True)
    said, complained = process.communicate(timeout=120)
    assert said.endswith("deleted; orders: [('8', 'kettle')]\n"), said + complained


def test_the_mail_assistant(settings: dict[str, str], attacker: Listener, mail: MailServer) -> None:
    said = run(settings, "mail_assistant.py").splitlines()
    assert said[0] == "1: The code for the vault is 4711"
    assert said[1] == "1: answered bob@ours.example"
    assert said[2].startswith("2: stopped before it connected")
    assert said[3].startswith("2: not sent to inbox@attacker.example")
    assert attacker.count() == 0
    assert [letter["To"] for _, letter in mail.letters()] == ["bob@ours.example"]
