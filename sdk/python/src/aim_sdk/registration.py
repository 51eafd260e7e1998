"""How an agent comes to its identity: a key of its own, and the server's word that it knows it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import ActionDenied, AuthenticationFailed, ConfigurationError, RequestRefused
from .flow import Flow
from .graphql import Caller, Credentials, payload
from .settings import Settings
from .signing import AgentKey, prove_possession, sign_request

_WHO = "{ viewer { __typename ... on Agent { id uuid name } } }"
_ORGANIZATION = "{ organization { uuid } }"
_REGISTER = """mutation($input: RegisterAgentInput!) { registerAgent(input: $input) {
    agent { id uuid name } userErrors { code message field } } }"""


@dataclass(frozen=True, slots=True)
class Identity:
    """An agent as the server knows it."""

    #: Global id.
    id: str
    #: The plain one, as in events.
    uuid: str
    #: Unique in the organization.
    name: str


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of an agent when it is registered. What it declares is not granted."""

    agent_type: str = "LLM_AGENT"
    description: str | None = None
    version: str | None = None
    tags: Sequence[str] = ()
    talks_to: Sequence[str] = ()
    capabilities: Sequence[str] = ()


def identify(caller: Caller) -> Flow[Identity | None]:
    """The agent whose key signs; nothing when the server does not know the key."""
    try:
        data = yield from caller.call(_WHO, {})
    except AuthenticationFailed as error:
        if error.code == "KEY_UNKNOWN":
            return None
        raise
    except RequestRefused as error:
        # An agent that may not act may not read either.
        if error.code == "FORBIDDEN":
            raise ActionDenied(f"the agent may not act: {error}") from None
        raise
    viewer = data.get("viewer") or {}
    return _identity(viewer) if viewer.get("__typename") == "Agent" else None


def organization_of(caller: Caller) -> Flow[str]:
    """The plain id of the caller's organization, as it is signed."""
    data = yield from caller.call(_ORGANIZATION, {})
    return str(data["organization"]["uuid"])


def register(
    person: Caller, agent: Caller, key: AgentKey, name: str, description: Description
) -> Flow[Identity]:
    """Registers the agent with a proof that its key is here; ``person`` is who lets it in."""
    organization = yield from organization_of(person)
    created = int(time.time())
    fields = {
        "name": name,
        "agentType": description.agent_type,
        "description": description.description,
        "version": description.version,
        "tags": list(description.tags),
        "talksTo": list(description.talks_to),
        "declaredCapabilities": list(description.capabilities),
        "publicKey": key.public,
        "proofOfPossession": {
            "created": created,
            "signature": prove_possession(key, organization, name, created),
        },
    }
    try:
        data = yield from person.call(_REGISTER, {"input": fields})
        return _identity(payload(data, "registerAgent", "agent"))
    except RequestRefused as error:
        if error.code != "CONFLICT":
            raise
    # An attempt before may have come through although its answer did not.
    known = yield from identify(agent)
    if known is not None and known.name == name:
        return known
    raise ConfigurationError(
        f"agent `{name}` is registered already, and its key is not on this machine; choose another "
        "name, or bring the key here"
    )


def signer(settings: Settings, key: AgentKey) -> Credentials:
    """Signs requests with a key."""
    endpoint = f"{settings.url}/graphql"
    return lambda body: sign_request(key, "POST", endpoint, body)


def by_api_key(settings: Settings) -> Caller:
    """Whoever made the API key."""
    if settings.api_key is None:
        raise ConfigurationError(
            "this agent is not registered from this machine yet, and that needs an API key with "
            "READ and REGISTER_AGENT: set AIM_API_KEY"
        )
    fields = {"authorization": f"Bearer {settings.api_key.value}"}
    return Caller(lambda _body: fields, settings.timeout)


def _identity(agent: Mapping[str, str]) -> Identity:
    return Identity(agent["id"], agent["uuid"], agent["name"])
