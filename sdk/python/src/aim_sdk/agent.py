"""An agent: the one object that a program needs."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from . import guard
from .action import Action, Permission
from .approval import ask_person
from .attestation import McpAttestation, McpReport, Seen, attest, report_servers
from .capability import CapabilityRequest, request_capability
from .decorate import ArgumentsSent, ResourceOf, tracked
from .errors import ServerUnavailable
from .flow import Flow
from .graphql import Caller
from .guard_check import Egress
from .keys import KeyStore, held, successor_of
from .registration import Identity, signer
from .reporter import Reporter
from .rotation import rotate
from .settings import Settings
from .signing import AgentKey
from .transport import Transport
from .verification import ActionRequest, RiskLevel, Verification, ask, report

logger = logging.getLogger("aim_sdk")

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: How long a person has to answer, in seconds, where nothing else is said.
APPROVAL_TIMEOUT = 300.0


class Agent:
    """An agent with its key and its connections. Made by :func:`aim_sdk.secure`.

    Safe to share between threads and asyncio tasks.
    """

    def __init__(
        self,
        identity: Identity,
        key: AgentKey,
        settings: Settings,
        transport: Transport,
        store: KeyStore,
        *,
        session: str | None = None,
        task: str | None = None,
    ) -> None:
        self.id = identity.id
        self.uuid = identity.uuid
        self.name = identity.name
        self.session = session
        self.task = task
        self.settings = settings
        self._identity = identity
        self._key = key
        self._store = store
        self._transport = transport
        self._caller = Caller(self._sign, settings.timeout)
        self._reporter = Reporter(settings.timeout)
        self._egress = Egress(self, settings.write_paths) if settings.guard else None
        if self._egress is not None:
            guard.install()

    def __repr__(self) -> str:
        return f"Agent({self.name!r} at {self.settings.url!r})"

    @property
    def key(self) -> AgentKey:
        """The key that signs."""
        return self._key

    @overload
    def track_action(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def track_action(
        self,
        /,
        *,
        name: str | None = None,
        risk_level: RiskLevel | None = None,
        resource: ResourceOf | None = None,
        arguments: ArgumentsSent = False,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def track_action(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        risk_level: RiskLevel | None = None,
        resource: ResourceOf | None = None,
        arguments: ArgumentsSent = False,
    ) -> Any:
        """Asks before each call of a function, and reports how it went. For ``async def`` as well.

        The function runs only when the answer is ``ALLOWED``; else :class:`ActionDenied` or one of
        its kinds is raised. ``name`` is the function's own when left out. ``resource`` may name
        arguments in braces. ``arguments`` says which arguments the server hears of: none, unless
        told to.
        """
        decorate = functools.partial(
            self._decorate, self._verify_or_open, name, risk_level, resource, arguments
        )
        return decorate if function is None else decorate(function)

    def require_approval(
        self,
        *,
        name: str | None = None,
        risk_level: RiskLevel = "CRITICAL",
        resource: ResourceOf | None = None,
        arguments: ArgumentsSent = True,
        timeout: float = APPROVAL_TIMEOUT,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Runs a function only when a person has agreed to this very call, within ``timeout``.

        The person sees the arguments, and the approval is good for these alone. Raises
        :class:`ApprovalDenied`, :class:`ApprovalExpired`, :class:`ActionDenied` or
        :class:`ServerUnavailable`; the function did not run then. ``fail_open`` changes nothing.
        """

        def permission(request: ActionRequest) -> Flow[Verification]:
            return ask_person(self._caller, request, timeout)

        return functools.partial(self._decorate, permission, name, risk_level, resource, arguments)

    def action(
        self,
        name: str,
        *,
        resource: str | None = None,
        context: Mapping[str, Any] | None = None,
        risk_level: RiskLevel | None = None,
    ) -> Action:
        """An action for ``with`` or ``async with``. ``context`` goes along as its arguments."""
        return self._begin(self._verify_or_open, name, risk_level, resource, context)

    def verify_action(
        self,
        name: str,
        *,
        resource: str | None = None,
        context: Mapping[str, Any] | None = None,
        risk_level: RiskLevel | None = None,
    ) -> Verification:
        """Asks whether the agent may do something. Raises :class:`ActionDenied` when not."""
        request = self._request(name, risk_level, resource, context)
        return self._run(self._verify_or_open(request))

    async def averify_action(
        self,
        name: str,
        *,
        resource: str | None = None,
        context: Mapping[str, Any] | None = None,
        risk_level: RiskLevel | None = None,
    ) -> Verification:
        """:meth:`verify_action` for asyncio."""
        request = self._request(name, risk_level, resource, context)
        return await self._arun(self._verify_or_open(request))

    def log_action_result(
        self,
        verification: Verification,
        *,
        succeeded: bool,
        duration: float | None = None,
        detail: str | None = None,
    ) -> None:
        """Tells how an allowed action went; ``duration`` in seconds."""
        self._run(self._report(verification, succeeded, duration, detail))

    async def alog_action_result(
        self,
        verification: Verification,
        *,
        succeeded: bool,
        duration: float | None = None,
        detail: str | None = None,
    ) -> None:
        """:meth:`log_action_result` for asyncio."""
        await self._arun(self._report(verification, succeeded, duration, detail))

    def request_capability(
        self,
        capability: str,
        *,
        reason: str,
        resource: str | None = None,
        life: int | None = None,
    ) -> CapabilityRequest:
        """Asks a person for a capability such as ``files:read``, for ``life`` seconds or for good.

        Nothing is granted by asking. Raises :class:`RequestRefused` with the code ``CONFLICT`` when
        it waits for an answer or is granted already.
        """
        return self._run(request_capability(self._caller, capability, reason, resource, life))

    async def arequest_capability(
        self,
        capability: str,
        *,
        reason: str,
        resource: str | None = None,
        life: int | None = None,
    ) -> CapabilityRequest:
        """:meth:`request_capability` for asyncio."""
        flow = request_capability(self._caller, capability, reason, resource, life)
        return await self._arun(flow)

    def attest_mcp(
        self, server_id: str, *, digest: str, tools: Sequence[str], latency: float
    ) -> McpAttestation:
        """Signs what the agent saw of a registered MCP server a moment ago.

        ``digest`` is that of the manifest (``docs/mcp.md``), ``latency`` how long the server took
        to answer, in seconds. A later word takes the place of this one.
        """
        seen = (server_id, digest, tools, latency)
        return self._run(attest(self._caller, self._identity, self._key, seen))

    async def aattest_mcp(
        self, server_id: str, *, digest: str, tools: Sequence[str], latency: float
    ) -> McpAttestation:
        """:meth:`attest_mcp` for asyncio."""
        seen = (server_id, digest, tools, latency)
        return await self._arun(attest(self._caller, self._identity, self._key, seen))

    def report_mcp_servers(self, servers: Iterable[Seen]) -> McpReport:
        """Tells of MCP servers that were seen, as :func:`aim_sdk.detect.detect` finds them.

        They wait for a person; nothing is registered or trusted by telling.
        """
        return self._run(report_servers(self._caller, servers))

    async def areport_mcp_servers(self, servers: Iterable[Seen]) -> McpReport:
        """:meth:`report_mcp_servers` for asyncio."""
        return await self._arun(report_servers(self._caller, servers))

    def rotate_key(self, *, grace: int | None = None) -> None:
        """Exchanges the agent's key; the one before is good for ``grace`` seconds more.

        Other processes of the agent take the new key when they start the next time.
        """
        with held(self.settings.url, self.name):
            new = AgentKey.generate()
            # Kept before the server hears of it: a crash in between loses neither key.
            self._store.save(self.settings.url, successor_of(self.name), new)
            coming = Caller(signer(self.settings, new), self.settings.timeout)
            self._run(rotate(self._caller, coming, self._identity, new, grace))
            self._store.save(self.settings.url, self.name, new)
            self._key = new

    async def arotate_key(self, *, grace: int | None = None) -> None:
        """:meth:`rotate_key` for asyncio."""
        await asyncio.to_thread(self.rotate_key, grace=grace)

    def flush(self, timeout: float = 30.0) -> bool:
        """Waits until the results of tracked actions are sent; whether they are."""
        return self._reporter.flush(timeout)

    def close(self) -> None:
        """Sends what waits and closes the connections of threads."""
        self.flush()
        self._transport.close()

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""
        await self._transport.aclose()

    def _decorate(
        self,
        permission: Permission,
        name: str | None,
        risk_level: RiskLevel | None,
        resource: ResourceOf | None,
        arguments: ArgumentsSent,
        function: Callable[P, R],
    ) -> Callable[P, R]:
        own = getattr(function, "__name__", type(function).__name__)
        begin = functools.partial(self._begin, permission, name or own, risk_level)
        return tracked(function, resource, arguments, begin)

    def _begin(
        self,
        permission: Permission,
        name: str,
        risk_level: RiskLevel | None,
        resource: str | None,
        arguments: Mapping[str, Any] | None,
    ) -> Action:
        return Action(self, self._request(name, risk_level, resource, arguments), permission)

    def _request(
        self,
        name: str,
        risk_level: RiskLevel | None,
        resource: str | None,
        arguments: Mapping[str, Any] | None,
    ) -> ActionRequest:
        return ActionRequest(
            action=name,
            resource=resource,
            arguments=arguments,
            risk_level=risk_level,
            session=self.session,
            task=self.task,
        )

    def _verify_or_open(self, request: ActionRequest) -> Flow[Verification]:
        """An allowed verification; with ``fail_open`` also where the server cannot be asked."""
        try:
            verification = yield from ask(self._caller, request)
        except ServerUnavailable as error:
            if not self.settings.fail_open:
                raise
            logger.critical("FAIL OPEN: %s goes on although nobody allowed it: %s", request, error)
            return Verification("", request, "UNVERIFIED")
        verification.raise_unless_allowed()
        return verification

    def _report(
        self,
        verification: Verification,
        succeeded: bool,
        duration: float | None,
        detail: str | None,
    ) -> Flow[None]:
        return report(
            self._caller, verification, succeeded=succeeded, duration=duration, detail=detail
        )

    def _sign(self, body: bytes) -> Mapping[str, str]:
        return signer(self.settings, self._key)(body)

    def _run(self, flow: Flow[T]) -> T:
        return self._transport.run(flow)

    async def _arun(self, flow: Flow[T]) -> T:
        return await self._transport.arun(flow)
