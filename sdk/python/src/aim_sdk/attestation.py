"""What an agent saw of MCP servers: its signed word on one, and a list for people to look at."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from .errors import RequestRefused
from .flow import Flow
from .graphql import Caller, payload
from .registration import Identity, organization_of
from .signing import AgentKey, sign_statement

_ATTEST = """mutation($input: AttestMcpServerInput!) { attestMcpServer(input: $input) {
    mcpAttestation { id digest isOfApproved expiresAt } userErrors { code message field } } }"""
_REPORT = """mutation($input: ReportMcpServersInput!) { reportMcpServers(input: $input) {
    report { newCount knownCount registeredCount refusedCount }
    userErrors { code message field } } }"""
#: The most servers of one request.
_REPORTED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class McpAttestation:
    """A word that counts until it expires."""

    id: str
    digest: str
    #: Whether it is what a person approved.
    is_of_approved: bool
    expires_at: str


@dataclass(frozen=True, slots=True)
class McpReport:
    """What became of servers that were reported. None of them is trusted by that."""

    #: That nobody had seen before.
    new: int = 0
    #: That wait for a person already, or were dismissed.
    known: int = 0
    #: That are registered.
    registered: int = 0
    #: For which there is no room.
    refused: int = 0


class Seen(Protocol):
    """A server that was seen, such as those of :func:`aim_sdk.detect.detect`."""

    @property
    def name(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def transport(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...
    @property
    def command_digest(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def confidence(self) -> float: ...


def attest(
    caller: Caller,
    identity: Identity,
    key: AgentKey,
    seen: tuple[str, str, Sequence[str], float],
) -> Flow[McpAttestation]:
    """``seen``: the server's id, the manifest's digest, tools, seconds it took to answer."""
    server, digest, tools, latency = seen
    organization = yield from organization_of(caller)
    observed = int(time.time())
    milliseconds = max(round(latency * 1000), 0)
    statement = {
        "agent": identity.uuid,
        "digest": digest,
        "latencyMs": milliseconds,
        "observedAt": observed,
        "organization": organization,
        "server": _uuid_of(server),
        "tools": list(tools),
        "type": "aim-mcp-attestation-v1",
    }
    fields = {
        "mcpServerId": server,
        "digest": digest,
        "tools": list(tools),
        "latencyMs": milliseconds,
        "observedAt": datetime.fromtimestamp(observed, timezone.utc).isoformat(),
        "signature": sign_statement(key, statement),
    }
    data = yield from caller.call(_ATTEST, {"input": fields})
    made = payload(data, "attestMcpServer", "mcpAttestation")
    return McpAttestation(made["id"], made["digest"], made["isOfApproved"], made["expiresAt"])


def report_servers(caller: Caller, servers: Iterable[Seen]) -> Flow[McpReport]:
    """Tells of servers that were seen, at most a hundred at once."""
    # Without a known way to speak to it there is nothing that a person could adopt.
    left = [_sighting(server) for server in servers if server.transport is not None]
    sums = [0, 0, 0, 0]
    while left:
        now, left = left[:_REPORTED_AT_ONCE], left[_REPORTED_AT_ONCE:]
        data = yield from caller.call(_REPORT, {"input": {"servers": now}})
        made = payload(data, "reportMcpServers", "report")
        counts = ("newCount", "knownCount", "registeredCount", "refusedCount")
        sums = [so_far + made[name] for so_far, name in zip(sums, counts, strict=True)]
    return McpReport(*sums)


def _sighting(server: Seen) -> dict[str, Any]:
    return {
        "name": server.name,
        "transport": server.transport,
        "url": server.url if server.transport == "STREAMABLE_HTTP" else None,
        "commandDigest": server.command_digest if server.transport == "STDIO" else None,
        "method": server.method,
        "confidence": server.confidence,
        "source": server.client,
    }


def _uuid_of(server: str) -> str:
    """The plain id in a global one."""
    try:
        padded = server + "=" * (-len(server) % 4)
        kind, _, uuid = base64.urlsafe_b64decode(padded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        kind, uuid = "", ""
    if kind != "McpServer" or not uuid:
        raise RequestRefused(f"`{server}` is no id of an MCP server", "INVALID")
    return uuid
