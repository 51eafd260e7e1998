"""What a tracked action and the egress guard cost: ``python -m benches.overhead``.

Starts the server ``AIM_BIN`` on SQLite on this machine. From the time of a tracked action the time
of one bare durable commit is taken off, measured beside as ``aim bench verify`` does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import server as servers
from support.person import Person

from aim_sdk import Agent, secure


def times(call: Callable[[], object], count: int, between: Callable[[], object]) -> list[float]:
    """Seconds of each call, sorted; ``between`` is not counted."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
        between()
    return sorted(taken)


def per_call(call: Callable[[], object], count: int) -> float:
    """Seconds of one call: the median of eleven rounds."""
    rounds = []
    for _ in range(11):
        begun = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - begun) / count)
    return statistics.median(rounds)


def bare_commits(folder: Path, count: int) -> list[float]:
    """Durable commits of one small row each, as the server's SQLite makes them."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE bench_commits (n bigint NOT NULL)")

    def commit() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO bench_commits (n) VALUES (1)")
        database.execute("COMMIT")

    taken = times(commit, count, lambda: None)
    database.close()
    return taken


def show(name: str, taken: list[float], beyond: float = 0.0) -> None:
    """One line in milliseconds."""
    p50, p95, p99 = (taken[int(len(taken) * share)] * 1e3 for share in (0.50, 0.95, 0.99))
    rest = f"   beyond the commit: p50 {p50 - beyond * 1e3:6.2f}" if beyond else ""
    print(f"{name:44} p50 {p50:6.2f}  p95 {p95:6.2f}  p99 {p99:6.2f} ms{rest}")


def actions(agent: Agent, folder: Path, count: int) -> None:
    """Tracked actions, one after the other."""

    @agent.track_action(risk_level="LOW", resource="https://api.weather.example/{city}")
    def get_weather(city: str) -> str:
        return city

    times(lambda: get_weather("Brno"), 50, agent.flush)
    commits = bare_commits(folder, count)
    commit = commits[len(commits) // 2]
    show("bare durable commit", commits)
    call = times(lambda: get_weather("Brno"), count, agent.flush)
    show("tracked action", call, commit)
    call = times(lambda: get_weather("Brno"), count, lambda: None)
    show("tracked action, the next one at once", call, commit)
    verify = times(lambda: agent.verify_action("get_weather"), count, lambda: None)
    show("verify_action", verify, commit)
    show("tracked action of asyncio", asyncio.run(of_asyncio(agent, count)), commit)


async def of_asyncio(agent: Agent, count: int) -> list[float]:
    """Seconds of tracked actions in an event loop, sorted."""

    @agent.track_action(risk_level="LOW", resource="https://api.weather.example/{city}")
    async def get_weather(city: str) -> str:
        return city

    taken = []
    for number in range(count + 50):
        begun = time.perf_counter()
        await get_weather("Brno")
        if number >= 50:
            taken.append(time.perf_counter() - begun)
        await asyncio.to_thread(agent.flush)
    await agent.aclose()
    return sorted(taken)


def guard(agent: Agent, count: int) -> None:
    """The guard's look at a connection, by the event that a connection raises."""
    with socket.socket() as plain:

        def look() -> None:
            sys.audit("socket.connect", plain, ("127.0.0.1", 9))

        free = per_call(look, count)
        with agent.action("get_weather", resource="tcp://127.0.0.1:9"):
            cached = per_call(look, count)
        other = per_call(lambda: sys.audit("object.__getattr__", plain, "x"), count)
    print(f"guard, outside of actions                    {free * 1e6:6.2f} µs for a connect")
    print(f"guard, in an action, cached                  {cached * 1e6:6.2f} µs for a connect")
    print(f"guard, any other audit event                 {other * 1e6:6.2f} µs")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="calls of each kind")
    count = parser.parse_args().count
    os.environ |= {"AIM_HOME": tempfile.mkdtemp(prefix="aim-bench-"), "AIM_KEY_STORE": "file"}
    running = servers.start("sqlite", None)
    try:
        person = Person(running)
        agent = secure("bench", url=running.url, api_key=person.api_key())
        person.grant(agent.id, "get_weather")
        folder = Path(running.api.environment["AIM_DATA_DIR"])
        print(f"server {os.environ['AIM_BIN']}, {count} calls each, one caller")
        actions(agent, folder, count)
        guard(agent, 20_000)
        agent.close()
        person.close()
    finally:
        running.stop()


if __name__ == "__main__":
    main()
