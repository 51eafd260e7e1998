"""Where the server is and how to deal with it: arguments, environment, saved profile, defaults."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ConfigurationError

#: Where ``aim serve`` listens by default.
DEFAULT_URL = "http://127.0.0.1:8080"
#: Seconds for one question, all attempts together.
DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is not printed."""

    value: str

    @classmethod
    def of(cls, text: str | None) -> Secret | None:
        """A text's, unless there is none."""
        return cls(text.strip()) if text else None

    def __repr__(self) -> str:
        return "Secret(..)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Settings:
    """What the SDK needs to know."""

    url: str = DEFAULT_URL
    api_key: Secret | None = None
    timeout: float = DEFAULT_TIMEOUT
    fail_open: bool = False
    ca_file: str | None = None
    proxy: Secret | None = None
    guard: bool = True
    write_paths: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        *,
        url: str | None = None,
        api_key: Secret | None = None,
        timeout: float | None = None,
        fail_open: bool | None = None,
        guard: bool | None = None,
        write_paths: Sequence[str | os.PathLike[str]] | None = None,
    ) -> Settings:
        """Arguments count before ``AIM_…`` variables, those before the profile, then defaults."""
        saved = _Profile.load()
        address = _checked_url(url or os.environ.get("AIM_URL") or saved.url or DEFAULT_URL)
        key = api_key or Secret.of(os.environ.get("AIM_API_KEY")) or saved.key_for(address)
        if key is not None and not _is_plain(key.value):
            raise ConfigurationError("AIM_API_KEY has characters that no key has; copy it again")
        return cls(
            url=address,
            api_key=key,
            timeout=_seconds(timeout, "AIM_TIMEOUT", DEFAULT_TIMEOUT),
            fail_open=_flag(fail_open, "AIM_FAIL_OPEN", False),
            ca_file=os.environ.get("AIM_CA_FILE"),
            proxy=Secret.of(os.environ.get("AIM_PROXY")),
            guard=_flag(guard, "AIM_GUARD", True),
            write_paths=_paths(write_paths),
        )


def home() -> Path:
    """The folder of profiles and keys: ``AIM_HOME``, else the system's place for settings."""
    if chosen := os.environ.get("AIM_HOME"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "aim"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "aim"


@dataclass(frozen=True, slots=True)
class _Profile:
    """What was saved: by hand in ``sdk.json``, else by ``aim login`` as a profile of its own."""

    url: str | None = None
    api_key: Secret | None = None

    @classmethod
    def load(cls) -> _Profile:
        name = os.environ.get("AIM_PROFILE") or "default"
        saved = _saved(home() / "sdk.json")
        if saved is None and name == os.path.basename(name):
            # A person's session there is not for programs; an API key is.
            saved = _saved(home() / "profiles" / f"{name}.json")
        if saved is None:
            return cls()
        url, key = saved.get("url"), saved.get("api_key", saved.get("apiKey"))
        return cls(url, Secret.of(key))

    def key_for(self, url: str) -> Secret | None:
        """The API key, which is shown to no other server than its own."""
        return self.api_key if self.url is None or _checked_url(self.url) == url else None


def _saved(file: Path) -> dict[str, str] | None:
    """The texts in a file; nothing when there is none. What others can read is no secret."""
    try:
        saved = json.loads(file.read_text("utf-8"))
        is_private = os.name == "nt" or file.stat().st_mode & 0o077 == 0
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {type(error).__name__}") from None
    if not isinstance(saved, dict):
        raise ConfigurationError(f"{file} is no object; give `url` and `api_key`")
    texts = {name: value for name, value in saved.items() if name in ("url", "api_key", "apiKey")}
    if not all(isinstance(value, str) for value in texts.values()):
        raise ConfigurationError(f"`url` and `api_key` in {file} have to be texts")
    if not is_private and len(texts) > 1:
        raise ConfigurationError(f"{file} can be read by others: `chmod 600` it")
    return texts


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("AIM_URL is no address; give one such as https://aim.example")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("AIM_URL has more than scheme, host, port and path; leave it out")
    if not _is_plain(url):
        raise ConfigurationError("AIM_URL has characters that cannot be sent; escape them")
    return url.rstrip("/")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _seconds(given: float | None, name: str, default: float) -> float:
    value: float | str = given if given is not None else os.environ.get(name) or default
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= 3600.0:
        raise ConfigurationError(f"{name} is `{value}`; give seconds, more than 0, at most 3600")
    return seconds


def _paths(given: Sequence[str | os.PathLike[str]] | None) -> tuple[str, ...]:
    if given is not None:
        return tuple(os.fspath(path) for path in given)
    text = os.environ.get("AIM_WRITE_PATHS", "")
    return tuple(path for path in text.split(os.pathsep) if path)


def _flag(given: bool | None, name: str, default: bool) -> bool:
    if given is not None:
        return given
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ConfigurationError(f"{name} is `{text}`; give `true` or `false`")
