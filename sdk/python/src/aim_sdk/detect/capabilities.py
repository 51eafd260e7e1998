"""Capabilities that a program's source shows: by imports, by calls, and by decorators.

The source is parsed and never run. What is built at run time (``getattr``, ``importlib``) is not
seen: this is for declaring what an honest program needs, the server's decision is what holds.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from . import catalogue
from .redaction import looks_secret

Method = Literal["DECORATOR", "CALL", "IMPORT"]

#: The largest source that is parsed. Before 3.11 Python ends the process on what is nested deeper
#: than its stack: more than 100,000 levels, of two characters at least.
SOURCE_MAX = 1024 * 1024 if sys.version_info >= (3, 11) else 128 * 1024

_CONFIDENCE: dict[Method, float] = {"DECORATOR": 1.0, "CALL": 0.8, "IMPORT": 0.6}
_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,128}")


@dataclass(frozen=True, slots=True)
class SeenCapability:
    """A capability that a program seems to need: where it was seen, how, and how sure that is."""

    name: str
    file: str
    line: int
    method: Method
    confidence: float
    evidence: str


class UnparsableError(Exception):
    """No Python; the text says why and quotes nothing."""


def capabilities_in(source: str | bytes, file: str = "<source>") -> list[SeenCapability]:
    """What a source shows, each capability once: where it is surest, then first.

    Raises:
        UnparsableError: It is no Python of this interpreter's version, or too large.
    """
    if len(source) > SOURCE_MAX:
        raise UnparsableError(f"is larger than {SOURCE_MAX // 1024} KiB")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UnparsableError(f"is no Python (line {error.lineno or 0})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnparsableError(f"is no Python ({type(error).__name__})") from None
    found: dict[str, SeenCapability] = {}
    imports = _imported_names(tree)
    for name, line, method, evidence in _seen(tree, imports):
        seen = SeenCapability(name, file, line, method, _CONFIDENCE[method], evidence)
        known = found.get(name)
        if known is None or (-seen.confidence, line) < (-known.confidence, known.line):
            found[name] = seen
    return sorted(found.values(), key=lambda it: it.name)


_Found = tuple[str, int, Method, str]


def _seen(tree: ast.AST, imports: dict[str, str]) -> Iterator[_Found]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _of_import(node)
        elif isinstance(node, ast.Call):
            yield from _of_call(node, imports)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _of_decorators(node)


def _modules(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Dotted names: ``from urllib import request`` has `urllib.request`."""
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif node.level == 0 and node.module:
        yield from (f"{node.module}.{name.name}" for name in node.names)


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[_Found]:
    for module in _modules(node):
        for capability in catalogue.of_module(module):
            yield capability, node.lineno, "IMPORT", f"import of {module}"


def _imported_names(tree: ast.AST) -> dict[str, str]:
    """What a name in the source stands for: ``from os import remove as rm`` has `rm`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update((it.asname, it.name) for it in node.names if it.asname)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            prefix = node.module
            names.update((it.asname or it.name, f"{prefix}.{it.name}") for it in node.names)
    return names


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def _of_call(node: ast.Call, imports: dict[str, str]) -> Iterator[_Found]:
    last = node.func.attr if isinstance(node.func, ast.Attribute) else None
    if last in catalogue.ACTIONS and (action := _first_text(node)):
        yield action, node.lineno, "DECORATOR", f"`{last}`"
        return
    for capability in catalogue.METHODS.get(last or "", ()):
        yield capability, node.lineno, "CALL", f"call of `{last}`"
    dotted = _dotted(node.func)
    if dotted is None:
        return
    head, dot, tail = dotted.partition(".")
    name = imports.get(head, head) + dot + tail
    for capability in catalogue.CALLS.get(name, ()):
        yield capability, node.lineno, "CALL", f"call of `{name}`"
    if name in ("open", "io.open"):
        yield _of_open(node), node.lineno, "CALL", "call of `open`"


def _of_open(node: ast.Call) -> str:
    """Reading, unless a mode says otherwise or cannot be told."""
    given = [it.value for it in node.keywords if it.arg == "mode"]
    mode = given[0] if given else node.args[1] if len(node.args) > 1 else ast.Constant("r")
    known = isinstance(mode, ast.Constant) and isinstance(mode.value, str)
    text = str(mode.value) if isinstance(mode, ast.Constant) else ""
    return "files:read" if known and not set("wax+") & set(text) else "files:write"


def _of_decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[_Found]:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        dotted = _dotted(call.func if call else decorator)
        last = dotted.rpartition(".")[2] if dotted else ""
        named = _first_text(call) if call else None
        if (last in catalogue.ACTIONS and named is None) or last in catalogue.TOOLS:
            yield named or node.name, node.lineno, "DECORATOR", f"`{last}`"


def _first_text(node: ast.Call) -> str | None:
    """The name that a call gives: its first argument, or the one that is called so."""
    given = [it.value for it in node.keywords if it.arg in ("name", "action", "name_override")]
    value = node.args[0] if node.args else given[0] if given else None
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return None
    fits = _NAME.fullmatch(value.value) and not looks_secret(value.value)
    return value.value if fits else None
