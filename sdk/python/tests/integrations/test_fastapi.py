"""FastAPI itself, with endpoints that are functions and coroutines."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from company import Company
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from aim_sdk import Action, Agent, current_action
from aim_sdk.integrations.fastapi import AimMiddleware, verified


def client(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def refunds(company: Company) -> Iterator[TestClient]:
    app = FastAPI()
    ask = verified(company.agent, "orders:refund", resource="orders/{order}", arguments=["order"])

    @app.post("/orders/{order}/refund")
    def refund(order: str, action: Annotated[Action, Depends(ask)]) -> str:
        assert current_action() is action
        company.ran.append(order)
        if order == "none":
            raise HTTPException(404)
        return "refunded"

    @app.post("/later/{order}/refund")
    async def refund_later(order: str, action: Annotated[Action, Depends(ask)]) -> str:
        assert current_action() is action
        company.ran.append(order)
        raise ValueError(order)

    with client(app) as made:
        yield made


def test_an_endpoint_runs_within_its_action(company: Company, refunds: TestClient) -> None:
    company.grant("orders:refund")
    assert refunds.post("/orders/7/refund").json() == "refunded"
    assert refunds.post("/orders/none/refund").status_code == 404
    assert refunds.post("/later/8/refund").status_code == 500
    assert company.ran == ["7", "none", "8"]
    outcomes = ["OK", "ERROR", "ERROR"]
    assert company.record() == [("orders:refund", "ALLOWED", it) for it in outcomes]
    seen = company.person.verifications(company.agent.id)
    assert [it["resource"] for it in seen] == ["orders/8", "orders/none", "orders/7"]


def test_what_is_denied_is_403_and_does_not_run(company: Company, refunds: TestClient) -> None:
    for path in ("/orders/7/refund", "/later/7/refund"):
        answer = refunds.post(path)
        assert answer.status_code == 403
        assert answer.json()["detail"].keys() == {"message", "verification"}
    assert company.ran == []
    (first, _) = company.person.verifications(company.agent.id)
    assert first["id"] == answer.json()["detail"]["verification"]


@pytest.fixture
def shop(company: Company) -> Iterator[TestClient]:
    app = FastAPI()
    app.add_middleware(AimMiddleware, agent=company.agent, exempt=["/health"])

    @app.get("/orders/{order}")
    def read(order: str) -> Any:
        assert current_action() is not None
        company.ran.append(order)
        if order == "broken":
            raise ValueError(order)
        return StreamingResponse(iter([b"a", b"b"]))

    @app.post("/orders")
    async def write() -> str:
        assert current_action() is not None
        company.ran.append("write")
        return "written"

    @app.get("/health")
    def health() -> str:
        assert current_action() is None
        return "well"

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        company.ran.append("live")
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    with client(app) as made:
        yield made


def test_every_request_is_asked_for(company: Company, shop: TestClient) -> None:
    company.grant("http:get")
    assert shop.get("/orders/7?token=hunter2").text == "ab"
    assert shop.get("/orders/broken").status_code == 500
    assert shop.get("/missing").status_code == 404
    assert shop.post("/orders").status_code == 403
    assert shop.get("/health").json() == "well"
    assert company.ran == ["7", "broken"]
    assert company.record() == [
        ("http:get", "ALLOWED", "OK"),
        ("http:get", "ALLOWED", "ERROR"),
        ("http:get", "ALLOWED", "OK"),
        ("http:post", "DENIED", None),
    ]
    seen = company.person.verifications(company.agent.id)
    assert [it["resource"] for it in seen] == [
        "/orders",
        "/missing",
        "/orders/broken",
        "/orders/7",
    ]


def test_websockets_are_asked_for(company: Company, shop: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as closed, shop.websocket_connect("/live"):
        raise AssertionError("it was opened")
    assert closed.value.code == 1008
    assert company.ran == []
    company.grant("http:websocket")
    with shop.websocket_connect("/live") as socket:
        assert socket.receive_text() == "hello"
    assert company.ran == ["live"]


def test_when_aim_is_gone_it_is_503(unreachable: Agent, company: Company) -> None:
    app = FastAPI()
    asked = verified(unreachable, "orders:read")

    @app.get("/orders")
    def read(_: Annotated[Action, Depends(asked)]) -> None:
        company.ran.append("read")

    with client(app) as made:
        assert made.get("/orders").status_code == 503
    every = FastAPI()
    every.mount("/", app)
    every.add_middleware(AimMiddleware, agent=unreachable)
    with client(every) as made:
        answer = made.get("/orders")
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text
    assert company.ran == []
