"""An agent, its owner, and what its tools did."""

from dataclasses import dataclass, field
from typing import Any

from support.person import Person

from aim_sdk import Agent


@dataclass
class Company:
    """An agent, and who owns the server that it asks."""

    agent: Agent
    person: Person
    #: What ran: tools add what they were called with.
    ran: list[Any] = field(default_factory=list)

    def grant(self, *capabilities: str) -> None:
        """Gives the agent capabilities."""
        self.person.grant(self.agent.id, *capabilities)

    def record(self) -> list[tuple[str, str, str | None]]:
        """What the server has on record about the agent, oldest first."""
        assert self.agent.flush()
        seen = self.person.verifications(self.agent.id)
        return [(it["action"], it["decision"], it["outcome"]) for it in reversed(seen)]
