"""The capabilities of a program that runs, or of one that lies in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from .capabilities import SeenCapability, UnparsableError, capabilities_in
from .machine import UnreadableError, read_file
from .servers import Problem

#: More files of one program are not parsed.
FILES_MAX = 2_000

# Code of others, and what is no code: whoever imports a library does not do all that it can.
_SKIPPED = frozenset({"site-packages", "dist-packages", "node_modules", "venv", "__pycache__"})


def capabilities_of_program(
    folder: Path, modules: Mapping[str, ModuleType] | None = None
) -> tuple[list[SeenCapability], list[Problem]]:
    """What the modules show that are loaded now and lie in the program's own folder."""
    loaded = list((sys.modules if modules is None else modules).values())
    root = folder.resolve()
    files: set[Path] = set()
    for module in loaded:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py"):
            path = Path(file).resolve()
            if path.is_relative_to(root) and not _is_skipped(path.relative_to(root)):
                files.add(path)
    return _of_files(root, iter(sorted(files)))


def capabilities_of_folder(folder: Path) -> tuple[list[SeenCapability], list[Problem]]:
    """What the Python files in a folder show; links are not followed."""
    root = folder.resolve()
    return _of_files(root, _python_files(root))


def _is_skipped(path: Path) -> bool:
    return any(part in _SKIPPED or part.startswith(".") for part in path.parts)


def _python_files(root: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(root, followlinks=False):
        inner[:] = sorted(name for name in inner if not _is_skipped(Path(name)))
        if "pyvenv.cfg" in names:
            inner.clear()
            continue
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _of_files(root: Path, files: Iterator[Path]) -> tuple[list[SeenCapability], list[Problem]]:
    best: dict[str, SeenCapability] = {}
    problems: list[Problem] = []
    for count, file in enumerate(files):
        shown = file.relative_to(root).as_posix()
        if count >= FILES_MAX:
            reason = f"is one file more than the {FILES_MAX} that are looked at"
            problems.append(Problem("python", shown, reason))
            break
        try:
            seen = capabilities_in(read_file(str(file)) or b"", shown)
        except (UnreadableError, UnparsableError) as error:
            problems.append(Problem("python", shown, str(error)))
            continue
        for one in seen:
            known = best.get(one.name)
            if known is None or one.confidence > known.confidence:
                best[one.name] = one
    return sorted(best.values(), key=lambda it: it.name), problems
