"""What can go wrong, one class for each thing that a caller does about it.

Every error of the SDK is an :class:`AimError`. None of them holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .verification import Verification


class AimError(Exception):
    """Whatever the SDK raises on purpose."""


class ConfigurationError(AimError):
    """A setting is missing or wrong, or the agent's key cannot be had. The text says what to do."""


class ServerUnavailable(AimError):
    """No answer within the time-out, after all attempts. Nothing was allowed; nothing was run."""


class RequestRefused(AimError):
    """The server did not take what was asked: a field is wrong, or the caller may not ask for it.

    ``code`` is the server's, such as ``INVALID``, ``CONFLICT`` or ``FORBIDDEN``.
    """

    def __init__(self, message: str, code: str = "INVALID") -> None:
        super().__init__(message)
        self.code = code


class AuthenticationFailed(AimError):
    """The server does not believe who is asking. ``code`` says why, such as ``KEY_REVOKED``."""

    def __init__(self, message: str, code: str = "UNAUTHENTICATED") -> None:
        super().__init__(message)
        self.code = code


class ClockError(AuthenticationFailed):
    """This machine's clock is too far off for its signatures to be taken."""


class ActionDenied(AimError):
    """The answer is no: do not act. ``verification`` has the reasons where the server gave any."""

    def __init__(self, message: str, verification: Verification | None = None) -> None:
        super().__init__(message)
        self.verification = verification


class ApprovalRequired(ActionDenied):
    """A person has to agree first; use ``require_approval`` to wait for one."""


class ApprovalDenied(ActionDenied):
    """A person said no."""


class ApprovalExpired(ActionDenied):
    """Nobody answered in time, or the approval was not used in time."""


class EgressDenied(ActionDenied):
    """Code inside a tracked action was stopped before it reached, started or wrote something."""

    def __init__(
        self, message: str, target: str = "", verification: Verification | None = None
    ) -> None:
        super().__init__(message, verification)
        self.target = target
