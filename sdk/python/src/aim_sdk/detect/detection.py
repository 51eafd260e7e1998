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


@dataclass(frozen=True, slots=True)
class Detection:
    """What was seen. It gives nobody anything: capabilities are granted by people."""

    servers: tuple[SeenServer, ...] = ()
    capabilities: tuple[SeenCapability, ...] = ()
    problems: tuple[Problem, ...] = ()

    def capability_names(self, confidence: float = 0.5) -> list[str]:
        """What to declare for an agent (``declaredCapabilities``), from that confidence on."""
        return [it.name for it in self.capabilities if it.confidence >= confidence]

    def server_names(self, confidence: float = 0.5) -> list[str]:
        """Which servers to say that an agent talks to (``talksTo``), from that confidence on."""
        return sorted({it.name for it in self.servers if it.confidence >= confidence})

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
