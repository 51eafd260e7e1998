"""What tests of integrations share: an agent, its owner, and what its tools did."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from company import Company
from support.person import Person
from support.server import Services

from aim_sdk import Agent, secure
from aim_sdk.transport import Transport


@pytest.fixture(scope="session")
def place() -> tuple[str, Services | None]:
    """Libraries do not see where the server keeps its data."""
    return "sqlite", None


@pytest.fixture
def company(agent: Agent, person: Person) -> Company:
    """An agent without grants."""
    return Company(agent, person)


@pytest.fixture
def unreachable(agent: Agent) -> Iterator[Agent]:
    """An agent whose server has gone since."""
    made = secure(agent.name, url=agent.settings.url, timeout=0.5)
    made._transport.close()
    made._transport = Transport(replace(made.settings, url="http://127.0.0.1:1"))
    yield made
    made.close()
