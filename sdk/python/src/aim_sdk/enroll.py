"""The first line: a name becomes an agent."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .agent import Agent
from .errors import ConfigurationError
from .flow import Flow
from .graphql import Caller
from .keys import KeyPlace, KeyStore, held, open_store, successor_of
from .registration import Description, Identity, by_api_key, identify, register, signer
from .settings import Secret, Settings
from .signing import AgentKey
from .transport import Transport


def secure(
    name: str,
    *,
    url: str | None = None,
    api_key: str | None = None,
    agent_type: str = "LLM_AGENT",
    description: str | None = None,
    version: str | None = None,
    tags: Sequence[str] = (),
    talks_to: Sequence[str] = (),
    capabilities: Sequence[str] = (),
    session: str | None = None,
    task: str | None = None,
    timeout: float | None = None,
    fail_open: bool | None = None,
    guard: bool | None = None,
    write_paths: Sequence[str | os.PathLike[str]] | None = None,
    key_store: KeyPlace | None = None,
) -> Agent:
    """The agent of this name: registered by the first call, found again by its key afterwards.

    The first call needs an API key with ``READ`` and ``REGISTER_AGENT`` (``AIM_API_KEY``); the
    agent's own key is made here, never leaves this machine and is kept in the system's keyring or
    in an encrypted file. ``capabilities`` are declared, not granted. What code inside actions
    reaches, starts or writes is asked for too, but below ``write_paths``, unless ``guard`` is
    false. Raises
    :class:`ConfigurationError` with the remedy, :class:`ActionDenied` for an agent that was
    stopped, or :class:`ServerUnavailable`.
    """
    key_of_person = Secret.of(api_key)
    # Error trackers keep the variables of frames that an error passes.
    del api_key
    settings = Settings.load(
        url=url,
        api_key=key_of_person,
        timeout=timeout,
        fail_open=fail_open,
        guard=guard,
        write_paths=write_paths,
    )
    if not name:
        raise ConfigurationError("an agent needs a name")
    said = Description(agent_type, description, version, tags, talks_to, capabilities)
    store = open_store(key_store)
    transport = Transport(settings)
    try:
        # Of two processes that begin at one time, one makes the key and both use it.
        with held(settings.url, name):
            keys = _own_keys(store, settings.url, name)
            key, identity = transport.run(_identity(settings, keys, name, said))
            if key is not keys[-1]:
                store.save(settings.url, name, key)
    except BaseException:
        transport.close()
        raise
    return Agent(identity, key, settings, transport, store, session=session, task=task)


def _own_keys(store: KeyStore, url: str, name: str) -> list[AgentKey]:
    """The agent's key, and before it one that was about to take its place when a process died."""
    key = store.load(url, name)
    if key is None:
        # Kept before anybody hears of it: a crash must not leave an agent without its key.
        key = AgentKey.generate()
        store.save(url, name, key)
        return [key]
    successor = store.load(url, successor_of(name))
    return [key] if successor is None or successor.id == key.id else [successor, key]


def _identity(
    settings: Settings, keys: Sequence[AgentKey], name: str, said: Description
) -> Flow[tuple[AgentKey, Identity]]:
    for key in keys:
        known = yield from identify(Caller(signer(settings, key), settings.timeout))
        if known is not None:
            return key, known
    key = keys[-1]
    agent = Caller(signer(settings, key), settings.timeout)
    identity = yield from register(by_api_key(settings), agent, key, name, said)
    return key, identity
