"""What all integrations have in common: a call of a tool becomes a tracked action."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aim_sdk.action import Action
from aim_sdk.agent import APPROVAL_TIMEOUT, Agent
from aim_sdk.approval import ask_person
from aim_sdk.decorate import as_json
from aim_sdk.errors import ActionDenied
from aim_sdk.flow import Flow
from aim_sdk.verification import ActionRequest, RiskLevel, Verification

#: What a call of a tool is done to, by the tool's name and arguments.
ResourceOfTool = Callable[[str, Mapping[str, Any]], str | None]


class ToolFailed(Exception):
    """Within an action: the tool has failed and says so in its answer instead of raising."""

    def __init__(self, answer: Any) -> None:
        super().__init__("the tool answered that it failed")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Gate:
    """How calls of tools are asked for.

    An action has the name of its tool. ``resource`` says what a call is done to, ``risk_levels``
    how risky tools are, and ``arguments`` which arguments the server hears of: none, unless told
    to. Tools that are said to be ``CRITICAL`` wait for a person, who sees all arguments, up to
    ``approval_timeout`` seconds.
    """

    agent: Agent
    resource: ResourceOfTool | None = None
    risk_levels: Mapping[str, RiskLevel] = field(default_factory=dict)
    arguments: bool | Collection[str] = False
    approval_timeout: float = APPROVAL_TIMEOUT

    def action(self, tool: str, arguments: Mapping[str, Any], *, name: str | None = None) -> Action:
        """The action of one call, for ``with`` or ``async with``; ``name`` if not the tool's."""
        risk = self.risk_levels.get(tool)
        resource = self.resource(tool, arguments) if self.resource else None
        is_critical = risk == "CRITICAL"
        permission = self._person if is_critical else self.agent._verify_or_open
        sent = self._sent(arguments, everything=is_critical)
        return self.agent._begin(permission, name or tool, risk, resource, sent)

    def _person(self, request: ActionRequest) -> Flow[Verification]:
        return ask_person(self.agent._caller, request, self.approval_timeout)

    def _sent(self, arguments: Mapping[str, Any], *, everything: bool) -> dict[str, Any] | None:
        if everything or self.arguments is True:
            return {name: as_json(value) for name, value in arguments.items()}
        if self.arguments is False:
            return None
        # One name is no collection of letters.
        names = {self.arguments} if isinstance(self.arguments, str) else self.arguments
        return {name: as_json(value) for name, value in arguments.items() if name in names}


def denial_text(denied: ActionDenied) -> str:
    """What a model is told of a denial."""
    return f"Not allowed, and not done: {denied}"
