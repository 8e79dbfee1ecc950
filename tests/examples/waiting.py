"""Wait for a condition, with a deadline."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], *, within: float) -> None:
    """Return once a condition holds; raise TimeoutError where it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{getattr(condition, '__name__', condition)} does not hold after {within:g} s")
        time.sleep(0.05)
