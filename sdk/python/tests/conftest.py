"""Fixtures: the server at each place, the person, and agents made by the SDK."""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import server as servers
from support.person import Person
from support.server import Server, Services

import aim_sdk


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL and Kafka."""
    running = Services()
    yield running
    running.stop()


@pytest.fixture(scope="session", params=["sqlite", "postgresql+kafka"])
def place(request: pytest.FixtureRequest) -> tuple[str, Services | None]:
    """Where data and events are."""
    is_plain = request.param == "sqlite"
    return request.param, None if is_plain else request.getfixturevalue("services")


@pytest.fixture(scope="session")
def server(place: tuple[str, Services | None]) -> Iterator[Server]:
    """A server that tests share; they make agents of their own."""
    running = servers.start(*place)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def person(server: Server) -> Iterator[Person]:
    """Its owner."""
    signed_in = Person(server)
    yield signed_in
    signed_in.close()


@pytest.fixture(scope="session")
def api_key(person: Person) -> str:
    """Lets agents be registered."""
    return person.api_key()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees this machine's keys or settings."""
    for name in ("AIM_URL", "AIM_API_KEY", "AIM_FAIL_OPEN", "AIM_TIMEOUT", "AIM_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIM_KEY_STORE", "file")
    monkeypatch.setenv("AIM_KEY_PASSPHRASE", "a passphrase of tests only")
    return tmp_path / "home"


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"agent-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def agent(server: Server, api_key: str, name: str) -> Iterator[aim_sdk.Agent]:
    """An agent without grants."""
    made = aim_sdk.secure(name, url=server.url, api_key=api_key, timeout=30)
    yield made
    made.close()
