"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: A loaded machine takes many times the usual.
PATIENCE = 60.0


def wait_for(what: str, look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """What ``look`` sees once it is something."""
    deadline = time.monotonic() + patience
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {patience:g} s")
        time.sleep(0.02)
