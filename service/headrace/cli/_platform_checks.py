"""How a tenant's platform took a call, as rows of `headrace check --online`. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from yarl import URL

from headrace.cli._check_rows import CheckRow
from headrace.cli._formatting import span
from headrace.poller.budget import Span
from headrace.poller.probe_calls import Tried
from headrace.records.cursors import SealedTokens
from headrace.sdk.faults import Denied, Gone, NoRoute, Rejected, Throttled

PLATFORM: Final = "platform"
CREDENTIALS: Final = "credentials"
SCOPES: Final = "scopes"
QUOTA: Final = "quota"
CLOCK: Final = "clock"
_FORBIDDEN: Final = 403
_SKEWED_SECONDS: Final = 60.0
"""Pollers reckon with a difference; signatures with a time in them are refused from some minutes on."""
_IN_ANY_FORM: Final = (Denied, Throttled, Gone, Rejected)
"""Answers that what stands before a platform may give as well."""
_REDIRECTS: Final = range(300, 400)
_HIDDEN: Final = "it does not show"
_NEW_ACCESS: Final = "start the poller, or look at its log; where its refresh token is refused, authorize the app again"
_WAIT: Final = "wait, and check again; the platform's own page of its state may say more"
_WINDOWS: Final[dict[Span, str]] = {"window": "now", "day": "of the day", "year": "of the year"}


def untried(where: str, reason: str) -> Iterator[CheckRow]:
    """Yield rows of a platform that was not called."""
    for check in (PLATFORM, CREDENTIALS, SCOPES, CLOCK):
        yield CheckRow(where, check, "unknown", reason)


def broken(where: str, error: Exception) -> Iterator[CheckRow]:
    """Yield rows of a platform whose answer broke what reads it."""
    found = f"reading its answer broke: {type(error).__name__}"
    yield CheckRow(where, PLATFORM, "fault", found, "report it: that is a mistake of Headrace, whatever it answered")
    for check in (CREDENTIALS, SCOPES, CLOCK):
        yield CheckRow(where, check, "unknown", _HIDDEN)


def slow(where: str, seconds: float) -> Iterator[CheckRow]:
    """Yield rows of a platform that had no good answer in all that time."""
    yield CheckRow(where, PLATFORM, "fault", f"it has no good answer within {seconds:g} s", _WAIT)
    for check in (CREDENTIALS, SCOPES, CLOCK):
        yield CheckRow(where, check, "unknown", _HIDDEN)


def tokenless(where: str, token: SealedTokens | None, denied: Denied, now: float) -> Iterator[CheckRow]:
    """Yield rows of a platform that was not called, as the poller has stored no access token that holds; `now` in s."""
    reason = "there is no access token to call it with"
    yield CheckRow(where, PLATFORM, "unknown", reason)
    if token is None:
        yield CheckRow(
            *(where, CREDENTIALS, "unknown", "no poller has got an access token yet"),
            next="start a poller, which gets one, and check again",
        )
    else:
        yield CheckRow(where, CREDENTIALS, "fault", f"{denied}{_last(token, now)}", _NEW_ACCESS)
    for check in (SCOPES, CLOCK):
        yield CheckRow(where, check, "unknown", reason)


def platform_rows(where: str, base_url: str, tried: Tried) -> Iterator[CheckRow]:
    """Yield whether the platform is the one that is called, takes the credentials and lets them read; and its clock."""
    yield _platform(where, _shown(base_url), tried)
    yield _credentials(where, tried)
    yield _scopes(where, tried)
    yield _clock(where, tried)


def quota_row(where: str, left: Mapping[Span, int], tried: Tried | None) -> CheckRow:
    """Return what is left of the tenant's budget, and of what the platform allows."""
    fault = tried.fault if tried else None
    if isinstance(fault, Throttled):
        wait = "" if fault.wait is None else f", and wants no call for {span(max(1, round(fault.wait)))}"
        hint = "let others that share the account's limit call less, or lower budget to what they leave"
        return CheckRow(where, QUOTA, "fault", f"{fault}{wait}", hint)
    spent = [span_ for span_, calls in left.items() if span_ != "window" and calls <= 0]
    if spent:
        hint = "raise budget as far as the platform allows, or wait: it comes back bit by bit"
        return CheckRow(where, QUOTA, "fault", f"no call is left of the {spent[0]}'s budget", hint)
    quota = tried.quota if tried else None
    if quota is not None and quota.left <= 0:
        hint = "let others that share the account's limit call less, or wait"
        return CheckRow(where, QUOTA, "fault", "the platform says that no call is left", hint)
    own = ", ".join(f"{calls:,} {_WINDOWS[span_]}" for span_, calls in left.items())
    theirs = f"; the platform says {quota.left:,}" if quota else ""
    return CheckRow(where, QUOTA, "ok", f"{own} left{theirs}")


def _platform(where: str, url: str, tried: Tried) -> CheckRow:
    fault, address = tried.fault, tried.probe.address
    if fault is None:
        return CheckRow(where, PLATFORM, "ok", f"{url} answers within {tried.seconds * 1000:,.0f} ms")
    if isinstance(fault, NoRoute):
        return CheckRow(where, PLATFORM, "fault", f"{url} is not its platform: {fault}", address)
    if tried.status == 0 or tried.status in _REDIRECTS:
        hint = f"{address}; look whether this machine reaches it (DNS, TLS, firewall)"
        return CheckRow(where, PLATFORM, "fault", f"{url} does not answer as its platform does: {fault}", hint)
    if isinstance(fault, _IN_ANY_FORM):
        return CheckRow(where, PLATFORM, "unknown", f"{url} answers: who it is does not show")
    return CheckRow(where, PLATFORM, "fault", f"{url} has no good answer: {fault}", _WAIT)


def _credentials(where: str, tried: Tried) -> CheckRow:
    fault = tried.fault
    if fault is None:
        return CheckRow(where, CREDENTIALS, "ok", "they are taken")
    if isinstance(fault, Denied) and tried.status != _FORBIDDEN:
        return CheckRow(where, CREDENTIALS, "fault", f"they are refused: {fault}", tried.probe.credentials)
    return CheckRow(where, CREDENTIALS, "unknown", _HIDDEN)


def _scopes(where: str, tried: Tried) -> CheckRow:
    fault, probe = tried.fault, tried.probe
    if fault is None:
        return CheckRow(where, SCOPES, "ok", f"they may read {probe.reads}")
    found = f"they may not read {probe.reads}: {fault}"
    if isinstance(fault, Denied) and tried.status == _FORBIDDEN:
        return CheckRow(where, SCOPES, "fault", found, probe.scopes)
    if isinstance(fault, Gone | Rejected):
        return CheckRow(where, SCOPES, "fault", found, f"{probe.scopes}; else {probe.address}")
    return CheckRow(where, SCOPES, "unknown", _HIDDEN)


def _clock(where: str, tried: Tried) -> CheckRow:
    if tried.skew is None:
        return CheckRow(where, CLOCK, "unknown", "the platform did not say what time it is")
    which = "ahead of" if tried.skew > 0 else "behind"
    found = f"the platform's clock is {span(round(abs(tried.skew)))} {which} ours" if tried.skew else "both agree"
    if abs(tried.skew) < _SKEWED_SECONDS:
        return CheckRow(where, CLOCK, "ok", found)
    hint = "let this machine follow a time server; where it does, and other platforms agree with it, theirs is wrong"
    return CheckRow(where, CLOCK, "fault", found, hint)


def _last(token: SealedTokens, now: float) -> str:
    """Return what became of the last access token."""
    if token.lost:
        return "; what became of the last one that it asked for is not known"
    if token.refused > token.minted:
        return f"; the platform refused it a new one {span(max(0, round(now - token.refused / 1000)), 1)} ago"
    ended = now - token.expires / 1000
    return f"; the last one ended {span(round(ended), 1)} ago" if ended > 0 else ""


def _shown(base_url: str) -> str:
    """Return a base URL without what may be a secret in it."""
    url = URL(base_url)
    return str(url.with_user(None).with_password(None) if url.user or url.password else url).rstrip("/")
