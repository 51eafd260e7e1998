"""FastAPI and other ASGI applications whose requests make an agent act.

For one endpoint::

    @app.post("/orders/{id}/refund")
    def refund(id: str, _: Annotated[Action, Depends(verified(agent, "orders:refund"))]): ...

For all of them::

    app.add_middleware(AimMiddleware, agent=agent)

Who calls hears 403 and the id of the verification, or 503 when the server cannot be asked; why it
was denied is for those who may read the log. Needs ``aim-sdk[fastapi]``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

from fastapi import HTTPException, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aim_sdk.action import Action
from aim_sdk.agent import Agent
from aim_sdk.errors import ActionDenied, AimError

from .gate import Gate, ToolFailed

_POLICY_VIOLATION = 1008


def verified(
    agent: Agent, name: str, *, resource: str | None = None, **gate: Any
) -> Callable[[Request], AsyncIterator[Action]]:
    """A dependency: the endpoint runs within the action ``name``, and only when it is allowed.

    ``resource`` may name parameters of the path in braces; it is the path itself when left out.
    Further arguments are those of :class:`Gate`.
    """

    def place(_name: str, parameters: Any) -> str | None:
        return str(parameters["path"]) if resource is None else resource.format_map(parameters)

    made = Gate(agent, **{"resource": place, **gate})

    async def ask(request: Request) -> AsyncIterator[Action]:
        parameters = {"path": request.url.path, **request.path_params}
        action = made.action(name, parameters)
        try:
            await action.__aenter__()
        except AimError as error:
            status, said = _refusal(error)
            raise HTTPException(status, said) from error
        try:
            yield action
        except BaseException as error:
            await action.__aexit__(type(error), error, error.__traceback__)
            raise
        await action.__aexit__(None, None, None)

    return ask


class AimMiddleware:
    """Asks before each request is handled, and reports how it went: 500 and above are failures.

    An action is called ``http:`` and the method (``http:get``), or ``http:websocket``; its resource
    is the path, never the query. Paths in ``exempt`` are not asked about; nor is what an endpoint
    does in a background after its answer, which runs within the action. Further arguments are those
    of :class:`Gate`.
    """

    def __init__(
        self, app: ASGIApp, *, agent: Agent, exempt: Collection[str] = (), **gate: Any
    ) -> None:
        self._app = app
        self._exempt = frozenset(exempt)
        self._gate = Gate(agent, **{"resource": lambda _, given: given["path"], **gate})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        is_asked = scope["type"] in ("http", "websocket") and scope["path"] not in self._exempt
        if not is_asked:
            await self._app(scope, receive, send)
            return
        action = self._gate.action(_name(scope), {"path": scope["path"]})
        try:
            await action.__aenter__()
        except AimError as error:
            await _refuse(error, scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except BaseException as error:
            await action.__aexit__(type(error), error, error.__traceback__)
            raise
        failed = ToolFailed(answer.status) if answer.status >= 500 else None
        await action.__aexit__(type(failed) if failed else None, failed, None)


class _Answer:
    """Passes an answer on and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _name(scope: Scope) -> str:
    is_websocket = scope["type"] == "websocket"
    return "http:websocket" if is_websocket else f"http:{scope['method'].lower()}"


async def _refuse(error: AimError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    status, said = _refusal(error)
    await JSONResponse({"detail": said}, status)(scope, receive, send)


def _refusal(error: AimError) -> tuple[int, dict[str, str]]:
    if not isinstance(error, ActionDenied):
        return 503, {"message": "it cannot be asked now whether this is allowed; try again later"}
    said = {"message": "this is not allowed"}
    if error.verification is not None:
        said["verification"] = error.verification.id
    return 403, said
