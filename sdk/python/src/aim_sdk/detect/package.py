"""Which package a command runs: ``npx -y some-server`` runs ``some-server``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .redaction import looks_secret

_PACKAGE = re.compile(
    r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9][A-Za-z0-9._~-]*(?:(?:@|==)[A-Za-z0-9._-]+)?"
)
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*(?:@sha256:[0-9a-f]{64})?")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

#: Options before the package: whether each takes a value. With any other option nobody can tell
#: its value, which may be secret, from the package.
_NODE = {"-y": False, "--yes": False, "-q": False, "--quiet": False, "--": False}
_UV = {"-q": False, "--quiet": False, "--python": True, "-p": True, "--with": True}
_DOCKER = {
    **dict.fromkeys(["-i", "--interactive", "-t", "--tty", "-it", "-ti", "--rm", "--init"], False),
    **dict.fromkeys(["-e", "--env", "--env-file", "-v", "--volume", "--mount", "--name"], True),
    **dict.fromkeys(["--network", "-p", "--publish", "-u", "--user", "-w", "--workdir"], True),
    **dict.fromkeys(["--platform", "--add-host"], True),
}
_LONGEST = 200


def package(program: str, arguments: Sequence[str]) -> str | None:
    """The package, image or module that is run, or nothing where that is not certain."""
    name = program.lower()
    for suffix in (".exe", ".cmd", ".bat"):
        name = name.removesuffix(suffix)
    if name in ("npx", "bunx"):
        return _from_option(arguments, ("-p", "--package")) or _after(arguments, _NODE)
    if name in ("npm", "pnpm", "yarn", "bun") and arguments[:1] in (["exec"], ["dlx"], ["x"]):
        return _after(arguments[1:], _NODE)
    if name == "uvx":
        return _from_option(arguments, ("--from",)) or _after(arguments, _UV)
    if name == "uv" and arguments[:2] == ["tool", "run"]:
        return _from_option(arguments[2:], ("--from",)) or _after(arguments[2:], _UV)
    if name == "pipx" and arguments[:1] == ["run"]:
        return _from_option(arguments[1:], ("--spec",)) or _after(arguments[1:], {})
    if name in ("docker", "podman") and arguments[:1] == ["run"]:
        return _after(arguments[1:], _DOCKER, _IMAGE)
    if re.fullmatch(r"python[0-9.]*|py", name) and arguments[:1] == ["-m"]:
        return _formed(arguments[1], _MODULE) if len(arguments) > 1 else None
    return None


def _from_option(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    """The value of the first argument, when that is one of these options."""
    if len(arguments) < 2 or arguments[0] not in names:
        return None
    return _formed(arguments[1], _PACKAGE)


def _after(
    arguments: Sequence[str], options: Mapping[str, bool], form: re.Pattern[str] = _PACKAGE
) -> str | None:
    rest = iter(arguments)
    for argument in rest:
        option, equals, _ = argument.partition("=")
        if not argument.startswith("-"):
            return _formed(argument, form)
        if option not in options:
            return None
        if options[option] and not equals:
            next(rest, None)
    return None


def _formed(word: str, form: re.Pattern[str]) -> str | None:
    fits = len(word) <= _LONGEST and form.fullmatch(word) is not None
    bare = word.partition("@sha256:")[0]
    return word if fits and not looks_secret(bare) else None
