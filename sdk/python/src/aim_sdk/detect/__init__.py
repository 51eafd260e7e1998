"""What a program can do, and which MCP servers the AI clients of this machine are set up with.

Nothing here grants anything, starts anything or talks to anybody. :func:`detect` looks at
configuration files and at code, and returns what it saw; ``python -m aim_sdk.detect`` prints it.
No value of an environment variable, header, argument, or secret part of a URL is in the result.
"""

from .capabilities import SeenCapability, capabilities_in
from .detection import Detection, detect
from .machine import Machine
from .program import capabilities_of_folder, capabilities_of_program
from .servers import Problem, SeenServer, find_servers

__all__ = [
    "Detection",
    "Machine",
    "Problem",
    "SeenCapability",
    "SeenServer",
    "capabilities_in",
    "capabilities_of_folder",
    "capabilities_of_program",
    "detect",
    "find_servers",
]
