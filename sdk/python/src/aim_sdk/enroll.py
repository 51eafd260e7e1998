"""The first line: a name becomes an agent."""

from __future__ import annotations

from collections.abc import Sequence

from .agent import Agent
from .errors import ConfigurationError
from .flow import Flow
from .graphql import Caller
from .keys import KeyPlace, KeyStore, held, open_store
from .registration import Description, Identity, by_api_key, identify, register
from .settings import Settings
from .signing import AgentKey, sign_request
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
    key_store: KeyPlace | None = None,
) -> Agent:
    """The agent of this name: registered by the first call, found again by its key afterwards.

    The first call needs an API key with ``READ`` and ``REGISTER_AGENT`` (``AIM_API_KEY``); the
    agent's own key is made here, never leaves this machine and is kept in the system's keyring or
    in an encrypted file. ``capabilities`` are declared, not granted. Raises
    :class:`ConfigurationError` with the remedy, :class:`ActionDenied` for an agent that was
    stopped, or :class:`ServerUnavailable`.
    """
    settings = Settings.load(url=url, api_key=api_key, timeout=timeout, fail_open=fail_open)
    if not name:
        raise ConfigurationError("an agent needs a name")
    said = Description(agent_type, description, version, tags, talks_to, capabilities)
    store = open_store(key_store)
    transport = Transport(settings)
    try:
        # Of two processes that begin at one time, one makes the key and both use it.
        with held(settings.url, name):
            key = _own_key(store, settings.url, name)
            identity = transport.run(_identity(settings, key, name, said))
    except BaseException:
        transport.close()
        raise
    return Agent(identity, key, settings, transport, session=session, task=task)


def _own_key(store: KeyStore, url: str, name: str) -> AgentKey:
    """The key is kept before anybody hears of it: a crash must not leave an agent without one."""
    key = store.load(url, name)
    if key is None:
        key = AgentKey.generate()
        store.save(url, name, key)
    return key


def _identity(settings: Settings, key: AgentKey, name: str, said: Description) -> Flow[Identity]:
    endpoint = f"{settings.url}/graphql"
    agent = Caller(lambda body: sign_request(key, "POST", endpoint, body), settings.timeout)
    known = yield from identify(agent)
    if known is None:
        known = yield from register(by_api_key(settings), agent, key, name, said)
    return known
