"""The real ``aim serve``, on SQLite or on PostgreSQL and Kafka."""

import json
import os
import signal
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from support.wait import wait_for

#: Settings that have no ``AIM_`` before their names.
_PLAIN = ("DATABASE_URL", "PORT", "JWT_SECRET", "CORS_ORIGINS")
_SECRET = "a secret of tests only, and a long one"


def required(name: str) -> str:
    """A program that tests need; without it they fail."""
    path = os.environ.get(name)
    assert path, f"set {name} to the executable that the tests run"
    return path


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of AIM."""
    kept = os.environ.items()
    return {k: v for k, v in kept if not k.startswith("AIM_") and k not in _PLAIN}


@dataclass
class Process:
    """One ``aim serve``."""

    environment: dict[str, str]
    home: Path
    port: int = 0
    process: subprocess.Popen | None = None
    url: str = ""
    password: str | None = None

    def start(self) -> None:
        """Starts it and waits until it says that it is ready; on the same port as before."""
        name = uuid.uuid4().hex
        out, log = self.home / f"{name}.out", self.home / f"{name}.log"
        environment = clean_environment() | self.environment | {"PORT": str(self.port)}
        with out.open("wb") as stdout, log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [required("AIM_BIN"), "serve"],
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        process = self.process

        def ready() -> dict | None:
            assert process.poll() is None, log.read_text()[-4000:]
            events = [json.loads(line) for line in out.read_text().splitlines() if line[-1:] == "}"]
            for event in events:
                if event["event"] == "bootstrap":
                    self.password = event["password"]
            return next((event for event in events if event["event"] == "ready"), None)

        self.url = wait_for("aim serve", ready, 120)["url"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """Ends it as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """It hears nothing and answers nothing, as behind a broken network."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Server:
    """A whole installation. Requests go to ``url``."""

    place: str
    processes: list[Process] = field(default_factory=list)

    @property
    def api(self) -> Process:
        """The process that answers requests."""
        return self.processes[0]

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.api.url

    def stop(self) -> None:
        """Ends all of it."""
        for process in self.processes:
            process.kill()


class Services:
    """PostgreSQL and Kafka of the tests' own; they end with this process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [required("AIM_SERVICES_BIN")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.settings: dict[str, str] = {}
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                self.settings[name] = value
            if len(self.settings) == 2:
                break
        assert len(self.settings) == 2, "PostgreSQL and Kafka did not start"

    def fresh(self) -> dict[str, str]:
        """Settings of an empty database and of topics of its own."""
        name = f"t{uuid.uuid4().hex}"
        server, _, _ = self.settings["DATABASE_URL"].rpartition("/")
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", f"{server}/aim", "-c"]
        subprocess.run([*command, f'CREATE DATABASE "{name}"'], check=True)
        return {
            "DATABASE_URL": f"{server}/{name}",
            "AIM_KAFKA_BROKERS": self.settings["AIM_KAFKA_BROKERS"],
            "AIM_KAFKA_PREFIX": f"{name}-",
            "JWT_SECRET": _SECRET,
        }

    def stop(self) -> None:
        """Ends both."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def start(place: str, services: Services | None, **settings: str) -> Server:
    """An installation on ``sqlite`` or on ``services``, with further settings."""
    home = Path(tempfile.mkdtemp(prefix="aim-sdk-"))
    common = {"AIM_DATA_DIR": str(home / "data")} | settings
    if services is None:
        roles = {"all": common}
    else:
        fresh = services.fresh()
        roles = {role: common | fresh | {"AIM_ROLE": role} for role in ("api", "stream")}
    server = Server(place)
    try:
        for environment in roles.values():
            process = Process(environment, home)
            server.processes.append(process)
            process.start()
    except BaseException:
        server.stop()
        raise
    return server
