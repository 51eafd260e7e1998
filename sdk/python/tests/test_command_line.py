"""A person agrees in the command line."""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from support.person import PASSWORD, Person
from support.server import Server, clean_environment, required
from support.wait import wait_for

from aim_sdk import Agent, ApprovalDenied


class CommandLine:
    """``aim`` as the owner runs it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._folder = folder
        self._settings = clean_environment() | {
            "XDG_CONFIG_HOME": str(folder),
            "AIM_URL": server.url,
            "AIM_PASSWORD": PASSWORD,
        }

    def __call__(self, *words: str) -> Any:
        command = [required("AIM_BIN"), *words, "--json"]
        done = subprocess.run(
            command, env=self._settings, cwd=self._folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.mark.parametrize("is_approved", [True, False])
def test_it_waits_for_the_command_line(
    is_approved: bool, agent: Agent, person: Person, server: Server, tmp_path: Path
) -> None:
    person.grant(agent.id, "pay")
    aim = CommandLine(server, tmp_path)
    calls: list[str] = []
    raised: list[Exception] = []

    @agent.require_approval(resource="account {to}")
    def pay(to: str) -> None:
        calls.append(to)

    def work() -> None:
        try:
            pay("ada")
        except ApprovalDenied as error:
            raised.append(error)

    paying = threading.Thread(target=work)
    paying.start()

    def waits() -> Any:
        listed = aim("approvals", "list")
        return next((it for it in listed if it["agent"]["id"] == agent.id), None)

    found = wait_for("the approval in the list", waits)
    assert calls == []
    aim("approvals", "approve" if is_approved else "reject", found["id"], "--reason", "seen")
    paying.join(60)
    assert (calls, len(raised)) == ((["ada"], 0) if is_approved else ([], 1))
