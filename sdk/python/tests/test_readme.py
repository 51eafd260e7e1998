"""The three lines of the project's README, pasted."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import server as servers
from support.person import PASSWORD, Person
from support.server import Server

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "sdk" / "python" / "examples"


@pytest.fixture
def fresh() -> Iterator[Server]:
    """As `scripts/up` leaves it: nobody has signed in."""
    running = servers.start("sqlite", None)
    yield running
    running.stop()


def test_the_three_lines(fresh: Server, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    program = tmp_path / "pasted.py"
    program.write_text(block + '\nget_weather("Brno")\nagent.close()\n')
    settings = servers.clean_environment() | {
        "AIM_HOME": str(tmp_path / "home"),
        "AIM_KEY_STORE": "file",
        "PYTHONPATH": str(ROOT / "sdk" / "python" / "src"),
    }
    asked = {
        "AIM_URL": fresh.url,
        "AIM_PASSWORD": str(fresh.api.password),
        "AIM_NEW_PASSWORD": PASSWORD,
    }

    def run(environment: dict[str, str], *words: str) -> None:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, env=environment, cwd=EXAMPLES, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(settings | asked, "prepare.py")
    run(settings, str(program))
    fresh.api.password = None
    owner = Person(fresh, PASSWORD)
    query = "{ verifications(first: 5) { nodes { action resource decision outcome } } }"
    (seen,) = owner.ask(query)["verifications"]["nodes"]
    assert seen == {
        "action": "get_weather",
        "resource": "https://wttr.in/Brno",
        "decision": "ALLOWED",
        "outcome": "OK",
    }
    owner.close()
