"""The machine that is looked at: a system, a home, an environment, and files to read."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Literal

System = Literal["linux", "macos", "windows"]

#: The largest configuration file that is read. Claude Code keeps a history in its own.
FILE_MAX = 16 * 1024 * 1024


class UnreadableError(Exception):
    """A file is there and cannot be read; the text says why and quotes nothing of it."""


def read_file(path: str) -> bytes | None:
    """The bytes of a regular file, or nothing when there is none.

    A pipe or a device in the place of a file is not waited for, and a file that grows while it is
    read is not followed.

    Raises:
        UnreadableError: It may not be read, is too large, or is no file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UnreadableError(f"cannot be opened ({type(error).__name__})") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableError("is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(FILE_MAX + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({type(error).__name__})") from None
    finally:
        os.close(descriptor)
    if len(content) > FILE_MAX:
        raise UnreadableError(f"is larger than {FILE_MAX // 1024 // 1024} MiB")
    return content


@dataclass(frozen=True, slots=True)
class Machine:
    """What detection depends on, and nothing else: two equal machines have equal findings."""

    system: System
    home: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    read: Callable[[str], bytes | None] = field(default=read_file, repr=False)

    @classmethod
    def here(cls) -> Machine:
        """This machine, with the home and the environment of this process."""
        systems: dict[str, System] = {"darwin": "macos", "win32": "windows"}
        system = systems.get(sys.platform, "linux")
        return cls(system, os.path.expanduser("~"), dict(os.environ))

    def path(self, *parts: str) -> str:
        """Parts joined in the manner of the machine's system."""
        return str(self._pure(*parts))

    def under_home(self, path: str) -> str:
        """A path for others to see: without the name of whoever's home it is in."""
        try:
            return "~/" + self._pure(path).relative_to(self._pure(self.home)).as_posix()
        except ValueError:
            return self._pure(path).name

    def settings_folder(self) -> str:
        """Where applications keep their settings."""
        if self.system == "macos":
            return self.path(self.home, "Library", "Application Support")
        if self.system == "windows":
            return self._absolute("APPDATA") or self.path(self.home, "AppData", "Roaming")
        return self.dot_config()

    def dot_config(self) -> str:
        """``~/.config``, or what stands for it."""
        return self._absolute("XDG_CONFIG_HOME") or self.path(self.home, ".config")

    def claude_folder(self) -> str:
        """Where Claude Code keeps its own file."""
        return self._absolute("CLAUDE_CONFIG_DIR") or self.home

    def system_folder(self) -> str:
        """Where administrators put settings for everybody."""
        if self.system == "macos":
            return "/Library/Application Support/ClaudeCode"
        if self.system == "windows":
            return self.path(self._absolute("PROGRAMFILES") or "C:\\Program Files", "ClaudeCode")
        return "/etc/claude-code"

    def _absolute(self, variable: str) -> str | None:
        value = self.environment.get(variable, "")
        return value if self._pure(value).is_absolute() else None

    def _pure(self, *parts: str) -> PurePath:
        return PureWindowsPath(*parts) if self.system == "windows" else PurePosixPath(*parts)
