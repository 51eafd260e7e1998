"""Ask AIM before an AI agent acts, in three lines::

from aim_sdk import secure

agent = secure("weather-agent")

@agent.track_action(risk_level="LOW", resource="https://api.weather.example/{city}")
def get_weather(city: str) -> dict: ...
"""

from .action import Action, current_action
from .agent import Agent
from .attestation import McpAttestation, McpReport
from .capability import CapabilityRequest
from .enroll import secure
from .errors import (
    ActionDenied,
    AimError,
    ApprovalDenied,
    ApprovalExpired,
    ApprovalRequired,
    AuthenticationFailed,
    ClockError,
    ConfigurationError,
    EgressDenied,
    RequestRefused,
    ServerUnavailable,
)
from .settings import Settings
from .verification import ActionRequest, Reason, RiskLevel, Verification

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ActionDenied",
    "ActionRequest",
    "Agent",
    "AimError",
    "ApprovalDenied",
    "ApprovalExpired",
    "ApprovalRequired",
    "AuthenticationFailed",
    "CapabilityRequest",
    "ClockError",
    "ConfigurationError",
    "EgressDenied",
    "McpAttestation",
    "McpReport",
    "Reason",
    "RequestRefused",
    "RiskLevel",
    "ServerUnavailable",
    "Settings",
    "Verification",
    "__version__",
    "current_action",
    "secure",
]
