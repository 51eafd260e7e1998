"""Keys are kept where nobody else reads them, and nothing prints what is secret."""

import logging
import multiprocessing
import os
import stat
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from support.server import Server

from aim_sdk import Agent, AimError, ConfigurationError, secure
from aim_sdk.keys import FileStore, KeyringStore, open_store
from aim_sdk.settings import Secret, Settings
from aim_sdk.signing import AgentKey
from aim_sdk.transport import Transport

URL = "https://aim.example"


class Memory(KeyringBackend):
    """A keyring."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def ring() -> Any:
    """The system's keyring, for a while."""
    before = keyring.get_keyring()
    made = Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_the_keyring_is_taken_where_there_is_one(ring: Memory, own_home: Path) -> None:
    store = open_store("auto")
    assert isinstance(store, KeyringStore)
    key = AgentKey.generate()
    store.save(URL, "scout", key)
    found = store.load(URL, "scout")
    assert found is not None
    assert found.id == key.id
    assert store.load(URL, "other") is None
    assert store.load("https://other.example", "scout") is None
    assert not own_home.exists()


@pytest.fixture
def no_ring() -> Any:
    """A system without one, as servers are."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


def test_without_a_keyring_it_is_an_encrypted_file(
    no_ring: None, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store("auto")
    assert isinstance(store, FileStore)
    key = AgentKey.generate()
    store.save(URL, "scout/../../x", key)
    (file,) = (own_home / "keys").glob("*.pem")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert any("encrypted file" in record.getMessage() for record in caplog.records)
    found = store.load(URL, "scout/../../x")
    assert found is not None
    assert found.id == key.id


def test_a_made_up_passphrase_is_warned_of(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AIM_KEY_PASSPHRASE")
    store = FileStore()
    store.save(URL, "scout", AgentKey.generate())
    secret = own_home / "key-passphrase"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert store.load(URL, "scout") is not None
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "AIM_KEY_PASSPHRASE" in said
    assert secret.read_text() not in said


def test_what_cannot_be_opened_is_no_new_key(
    monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    FileStore().save(URL, "scout", AgentKey.generate())
    monkeypatch.setenv("AIM_KEY_PASSPHRASE", "another passphrase")
    with pytest.raises(ConfigurationError, match="AIM_KEY_PASSPHRASE") as wrong:
        FileStore().load(URL, "scout")
    assert "another passphrase" not in str(wrong.value)
    (file,) = (own_home / "keys").glob("*.pem")
    file.write_bytes(b"nonsense")
    with pytest.raises(ConfigurationError):
        FileStore().load(URL, "scout")


def _begin(url: str, api_key: str, name: str) -> None:
    secure(name, url=url, api_key=api_key, timeout=30).close()


def test_processes_that_begin_together_are_one_agent(
    server: Server, api_key: str, name: str
) -> None:
    context = multiprocessing.get_context("spawn")
    starting = [context.Process(target=_begin, args=(server.url, api_key, name)) for _ in range(4)]
    for process in starting:
        process.start()
    for process in starting:
        process.join(120)
    assert [process.exitcode for process in starting] == [0] * 4


def test_nothing_secret_is_printed(
    server: Server, api_key: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    agent = secure(name, url=server.url, api_key=api_key, timeout=0.5)
    told = [repr(agent), str(agent.settings), repr(agent.key), repr(agent._transport)]

    def keep(call: Callable[[], Any]) -> None:
        with pytest.raises(AimError) as raised:
            call()
        trace = raised.value.__traceback__
        # From this test's own frames on, with all variables, as error trackers keep them.
        assert trace is not None
        assert trace.tb_next is not None
        raised.value.__traceback__ = trace.tb_next.tb_next
        error = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
        told.extend(error.format())

    secret = {"password": "hunter2"}
    keep(agent.action("get_weather", context=secret).__enter__)
    agent._transport.close()
    agent._transport = Transport(replace(agent.settings, url="http://127.0.0.1:1"))
    keep(agent.action("get_weather", context=secret).__enter__)
    pay = agent.require_approval(name="pay")(lambda: None)
    keep(pay)
    keep(lambda: secure(f"{name}-2", url="http://127.0.0.1:1", api_key=api_key, timeout=0.1))
    told += [record.getMessage() for record in caplog.records]
    assert any("Connect" in text for text in told)
    seed = agent.key.private.private_bytes_raw()
    for text in (api_key, "hunter2", seed.hex(), repr(seed), os.environ["AIM_KEY_PASSPHRASE"]):
        assert [it for it in told if text in it] == []
    agent.close()


def test_settings_come_from_the_profile_at_last(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_home / "profiles").mkdir(parents=True)
    saved, login = own_home / "sdk.json", own_home / "profiles" / "default.json"
    login.write_text('{"url": "https://l.example", "kind": "api-key", "apiKey": "aim_key_l"}')
    login.chmod(0o600)
    assert Settings.load().api_key == Secret("aim_key_l")
    saved.write_text('{"url": "https://a.example", "api_key": "aim_key_a"}')
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Settings.load()
    saved.chmod(0o600)
    assert (Settings.load().url, Settings.load().api_key) == (
        "https://a.example",
        Secret("aim_key_a"),
    )
    # A key is shown to no other server than its own.
    monkeypatch.setenv("AIM_URL", "https://b.example/")
    assert (Settings.load().url, Settings.load().api_key) == ("https://b.example", None)
    assert Settings.load(url="https://a.example").api_key == Secret("aim_key_a")
    for broken in ("{", "[]", '{"url": 5}'):
        saved.write_text(broken)
        with pytest.raises(ConfigurationError, match=r"sdk\.json"):
            Settings.load()


def test_an_agent_is_made_by_secure_alone(agent: Agent) -> None:
    assert agent.key.id not in repr(agent)
