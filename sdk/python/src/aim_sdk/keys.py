"""Where an agent's key is kept: in the system's keyring, else in an encrypted file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

import keyring
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from keyring.errors import KeyringError

from .errors import ConfigurationError
from .files import locked, write_private
from .settings import home
from .signing import AgentKey

logger = logging.getLogger("aim_sdk")

#: Where a key may be kept: ``auto`` takes the keyring where there is one, else the file.
KeyPlace = Literal["auto", "keyring", "file"]

_SERVICE = "aim-sdk"


class KeyStore(Protocol):
    """Keeps keys by the server's URL and the agent's name."""

    def load(self, url: str, name: str) -> AgentKey | None:
        """The key, if there is one."""

    def save(self, url: str, name: str, key: AgentKey) -> None:
        """Keeps a key; the one before is gone."""


def open_store(place: KeyPlace | None = None) -> KeyStore:
    """The store for ``place``, or for ``AIM_KEY_STORE``, or the best that this machine has."""
    chosen = place or os.environ.get("AIM_KEY_STORE") or "auto"
    if chosen not in ("auto", "keyring", "file"):
        raise ConfigurationError(f"AIM_KEY_STORE is `{chosen}`; give `auto`, `keyring` or `file`")
    if chosen == "file" or (chosen == "auto" and not _has_keyring()):
        return FileStore()
    if not _has_keyring():
        raise ConfigurationError("this system has no keyring that works; use AIM_KEY_STORE=file")
    return KeyringStore()


@contextmanager
def held(url: str, name: str) -> Iterator[None]:
    """One process at a time makes an agent's key."""
    with locked(home() / "keys" / f"{_file_name(url, name)}.lock"):
        yield


def successor_of(name: str) -> str:
    """Under which name the key is kept that is about to take the agent's key's place."""
    # No agent's name holds this character.
    return f"{name}#successor"


class KeyringStore:
    """The system's keyring: Keychain, Credential Locker, Secret Service, KWallet."""

    def load(self, url: str, name: str) -> AgentKey | None:
        """The key, if there is one."""
        try:
            text = keyring.get_password(_SERVICE, f"{name} at {url}")
        except KeyringError as error:
            raise ConfigurationError(_keyring_trouble(error)) from None
        return None if text is None else _from_pem(text.encode(), None, "the keyring")

    def save(self, url: str, name: str, key: AgentKey) -> None:
        """Keeps a key; the one before is gone."""
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            keyring.set_password(_SERVICE, f"{name} at {url}", pem.decode())
        except KeyringError as error:
            raise ConfigurationError(_keyring_trouble(error)) from None


class FileStore:
    """Encrypted PKCS #8 files that only this user reads.

    The passphrase is ``AIM_KEY_PASSPHRASE``. Without one it is made up and kept in a file beside:
    that stops whoever gets a copy of one of the two, and nobody who reads this user's files.
    """

    def load(self, url: str, name: str) -> AgentKey | None:
        """The key, if there is one."""
        file = _folder() / f"{_file_name(url, name)}.pem"
        try:
            pem = file.read_bytes()
        except FileNotFoundError:
            return None
        return _from_pem(pem, self._passphrase(), str(file))

    def save(self, url: str, name: str, key: AgentKey) -> None:
        """Keeps a key; the one before is gone."""
        sealed = BestAvailableEncryption(self._passphrase())
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)
        file = _folder() / f"{_file_name(url, name)}.pem"
        write_private(file, pem)
        logger.warning("no keyring: the key of agent `%s` is in the encrypted file %s", name, file)

    def _passphrase(self) -> bytes:
        if given := os.environ.get("AIM_KEY_PASSPHRASE"):
            return given.encode()
        file = home() / "key-passphrase"
        with locked(home() / "key-passphrase.lock"):
            try:
                return file.read_bytes()
            except FileNotFoundError:
                made = secrets.token_urlsafe(32).encode()
                write_private(file, made)
        logger.warning(
            "keys are encrypted with a passphrase kept beside them, in %s; whoever reads this "
            "user's files has both: set AIM_KEY_PASSPHRASE, or use a keyring",
            file,
        )
        return made


def _folder() -> Path:
    return home() / "keys"


def _file_name(url: str, name: str) -> str:
    # Names and URLs hold characters that file names must not, and case that some systems ignore.
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in name)[:40]
    digest = hashlib.sha256(json.dumps([url, name]).encode()).hexdigest()
    return f"{plain}-{digest[:16]}"


def _from_pem(pem: bytes, passphrase: bytes | None, where: str) -> AgentKey:
    try:
        private = load_pem_private_key(pem, passphrase)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"the key in {where} cannot be read; is AIM_KEY_PASSPHRASE the one it was kept with?"
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(f"the key in {where} is not an Ed25519 key")
    return AgentKey(private)


def _has_keyring() -> bool:
    """Whether the system's keyring is a real one; a plain text file is none."""
    try:
        return keyring.get_keyring().priority >= 1  # type: ignore[operator, unused-ignore]
    except Exception:  # a broken backend is no backend
        return False


def _keyring_trouble(error: KeyringError) -> str:
    return f"the keyring refuses ({type(error).__name__}); unlock it, or use AIM_KEY_STORE=file"
