"""Everything that detection saw, in one value."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .capabilities import SeenCapability
from .machine import Machine
from .program import capabilities_of_folder, capabilities_of_program
from .servers import Problem, SeenServer, find_servers

#: The longest lists that an agent is registered with.
DECLARED_MAX = 100


@dataclass(frozen=True, slots=True)
class Detection:
    """What was seen. It gives nobody anything: capabilities are granted by people."""

    servers: tuple[SeenServer, ...] = ()
    capabilities: tuple[SeenCapability, ...] = ()
    problems: tuple[Problem, ...] = ()

    def capability_names(self, confidence: float = 0.5) -> list[str]:
        """What to declare for an agent, from that confidence on: the surest, as many as may be."""
        seen = sorted(self.capabilities, key=lambda it: -it.confidence)
        return sorted(it.name for it in seen[:DECLARED_MAX] if it.confidence >= confidence)

    def server_names(self, confidence: float = 0.5) -> list[str]:
        """Which servers to say that an agent talks to, from that confidence on, likewise."""
        seen = sorted(self.servers, key=lambda it: -it.confidence)
        names = dict.fromkeys(it.name for it in seen if it.confidence >= confidence)
        return sorted(list(names)[:DECLARED_MAX])

    def to_dict(self) -> dict[str, Any]:
        """The same in values of JSON."""
        return asdict(self)


def detect(
    folder: str | os.PathLike[str] | None = None, *, machine: Machine | None = None
) -> Detection:
    """Looks for MCP servers on this machine and for capabilities of a program.

    With ``folder`` the program is all Python in it, and clients' settings in it count as well.
    Without, the program is what this process has loaded from its working folder.
    """
    root = Path(folder if folder is not None else Path.cwd())
    servers, unread = find_servers(machine or Machine.here(), str(root.resolve()))
    look = capabilities_of_program if folder is None else capabilities_of_folder
    capabilities, unparsed = look(root)
    return Detection(tuple(servers), tuple(capabilities), (*unread, *unparsed))
