"""Who may see the page: the name it is called by, a token that logs in, and a cookie that stays in.

The cookie is the time until which it lasts, with a keyed digest of it: no session is remembered, so a restart logs
nobody out, and a new token everybody.
"""

import asyncio
import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from headrace.config import ConsoleSettings
from headrace.config.settings import LOOPBACK

COOKIE: Final = "headrace_console"
LASTS_SECONDS: Final = 12 * 3_600
FAILED_SECONDS: Final = 0.5
"""What a wrong token costs whoever tries it."""
MOST_FAILED: Final = 20
"""Wrong tokens of a minute; then the next are refused at once. The right one is let in: strangers lock nobody out."""
_MINUTE: Final = 60.0


class Access:
    """Checks names, tokens and cookies. `now` returns seconds since the epoch."""

    def __init__(self, settings: ConsoleSettings, now: Callable[[], float] = time.time) -> None:
        self._settings: Final = settings
        self._names: Final = frozenset(name.lower() for name in (*LOOPBACK, settings.host, *settings.hosts))
        self._key: Final = hashlib.sha256((settings.token or "").encode()).digest()
        self._now: Final = now
        self._failed: Final[deque[float]] = deque(maxlen=MOST_FAILED)

    @property
    def is_open(self) -> bool:
        """Whether nobody has to log in."""
        return self._settings.is_open

    def knows(self, host: str) -> bool:
        """Return whether a Host header names this page: one that does not comes from a page that was led here."""
        try:
            return (urlsplit(f"//{host}").hostname or "") in self._names
        except ValueError:
            return False

    def lets_in(self, cookie: str) -> bool:
        """Return whether a cookie is one of ours, and lasts."""
        until, _, digest = cookie.partition(".")
        if not (until.isascii() and until.isdigit()):
            return False
        good = hmac.compare_digest(digest.encode("utf-8", "replace"), self._digest(until).encode())
        return good and self._now() < int(until)

    async def log_in(self, token: str) -> str | None:
        """Return the cookie that a token gets, None where it is wrong; after many wrong ones that is said at once."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if self._settings.token and hmac.compare_digest(digest, self._key):
            until = str(int(self._now()) + LASTS_SECONDS)
            return f"{until}.{self._digest(until)}"
        if self.is_shut:
            return None
        self._failed.append(self._now())
        await asyncio.sleep(FAILED_SECONDS)
        return None

    @property
    def is_shut(self) -> bool:
        """Whether too many wrong tokens came."""
        return len(self._failed) == MOST_FAILED and self._now() - self._failed[0] < _MINUTE

    def _digest(self, until: str) -> str:
        return hmac.new(self._key, f"headrace console {until}".encode(), hashlib.sha256).hexdigest()


def security_headers(pairs: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the headers of every answer: nothing is loaded from elsewhere, framed, sniffed or stored."""
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-store",
        **dict(pairs),
    }
