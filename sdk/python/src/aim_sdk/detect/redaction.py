"""What may be said of a server without saying a secret.

Names of programs, packages and hosts pass when they have the form of one and nothing of a secret;
everything else stays on the machine. Where that is in doubt, nothing is said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_TOKEN = re.compile(
    r"(?:sk|pk|rk|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[a-z]|AKIA|ASIA|AIza|eyJ|npm|pypi|hf|"
    r"ntn|secret|aim_(?:key|rt))[-_A-Za-z0-9]{16,}"
)
_LONG_MIXED = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9+/_=-]{20,}")
# `mcp-server-v2` is long and mixed, but words.
_WORD = re.compile(r"[A-Za-z]{0,16}[0-9]{0,2}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SECRET_WORDS = ("key", "token", "secret", "password", "auth")
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SEGMENT = re.compile(r"[A-Za-z][A-Za-z._-]{0,23}[0-9]{0,2}")
_URL_MAX = 2_048
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


def looks_secret(word: str) -> bool:
    """Whether a word has the look of a token, an identifier that opens something, or a login."""
    if _TOKEN.search(word) or _UUID.search(word):
        return True
    if any(_is_random(part) for part in re.split(r"[/@:.]", word)):
        return True
    # Where a URL has a user, a password or a query.
    return "://" in word and ("@" in word or "?" in word)


def _is_random(part: str) -> bool:
    if not _LONG_MIXED.fullmatch(part):
        return False
    return not all(_WORD.fullmatch(word) for word in re.split(r"[-_]", part))


def plain_name(name: str) -> str | None:
    """A name that people gave, without what no name has; nothing for what looks secret."""
    clean = "".join(char if char.isprintable() else "_" for char in name.strip())[:128]
    return None if not clean or looks_secret(clean) else clean


def variable_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names of environment variables; never their values."""
    return tuple(sorted(it for it in names if _VARIABLE.fullmatch(it) and not looks_secret(it)))


def program(command: str) -> str | None:
    """The last part of a command's path: ``npx`` of ``C:\\tools\\npx.cmd``."""
    last = re.split(r"[/\\]", command)[-1]
    # Some clients take a whole command line.
    word = last.split(maxsplit=1)[0] if last.split() else ""
    return word if _PROGRAM.fullmatch(word) and not looks_secret(word) else None


def public_url(url: str) -> str | None:
    """Scheme, host, port and the first words of the path: no user, no query, no identifiers."""
    if len(url) > _URL_MAX:
        return None
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or looks_secret(host):
        return None
    kept = []
    for segment in parts.path.split("/")[1:]:
        if segment and (not _SEGMENT.fullmatch(segment) or looks_secret(segment)):
            break
        kept.append(segment)
    place = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
    return "/".join([place, *kept])


def command_digest(command: str, arguments: Sequence[str]) -> str | None:
    """SHA-256 over the command without what may be secret in it, for telling two apart.

    It is over the canonical JSON (RFC 8785) of ``{"args": [...], "command": "..."}``: the last part
    of the path, and the arguments without values of options. Nothing when an argument that would
    be part of it looks secret: a digest of little is no secret.
    """
    kept: list[str] = []
    is_secret = False
    for argument in arguments:
        if is_secret:
            is_secret = False
        elif not argument.startswith("-"):
            kept.append(argument)
        elif "=" in argument:
            kept.append(argument[: argument.index("=") + 1])
        else:
            kept.append(argument)
            is_secret = any(word in argument.lower() for word in _SECRET_WORDS)
    last = re.split(r"[/\\]", command)[-1]
    if any(looks_secret(word) for word in (last, *kept)):
        return None
    said = {"args": kept, "command": last}
    try:
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except UnicodeEncodeError:
        return None
    return hashlib.sha256(text).hexdigest()
