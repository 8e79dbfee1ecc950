"""Who may see the page: names, tokens, cookies, and the configuration that would let everybody in."""

from pathlib import Path

import pytest

from headrace.config import ConsoleSettings
from headrace.console.access import LASTS_SECONDS, MOST_FAILED, Access
from tests.unit.configs import faults, write

LOGIN = "a-token-of-many-letters"


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Access:
    monkeypatch.setattr("headrace.console.access.FAILED_SECONDS", 0.0)
    return Access(ConsoleSettings(token=LOGIN, hosts=["Headrace.Example.com"]), clock)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:9465", True),
        ("127.0.0.1", True),
        ("[::1]:9465", True),
        ("headrace.example.com", True),
        ("HEADRACE.example.com:443", True),
        ("evil.example.com", False),
        ("localhost.evil.example.com", False),
        ("", False),
        ("[", False),
        ("localhost@evil.example.com", False),
    ],
)
def test_the_page_answers_to_its_names_alone(access: Access, host: str, known: bool) -> None:  # noqa: FBT001  (one row of facts)
    """A name that was led here by somebody else's DNS is none of them."""
    assert access.knows(host) is known


async def test_a_token_gets_a_cookie_that_lasts(access: Access, clock: Clock) -> None:
    """It is ours, and ends."""
    cookie = await access.log_in(LOGIN)
    assert cookie is not None
    assert access.lets_in(cookie)
    clock.now += LASTS_SECONDS
    assert not access.lets_in(cookie)


async def test_no_other_cookie_is_ours(access: Access) -> None:
    """Nobody makes one, or makes one last."""
    cookie = await access.log_in(LOGIN)
    assert cookie is not None
    until, _, digest = cookie.partition(".")
    other = await Access(ConsoleSettings(token=LOGIN + "2")).log_in(LOGIN + "2")
    assert other is not None
    for forged in ("", ".", until, f"{int(until) + 1}.{digest}", f"².{digest}", f"{until}.", f"{until}.é", other):
        assert not access.lets_in(forged), forged


async def test_who_guesses_is_refused_at_once_and_locks_nobody_out(access: Access, clock: Clock) -> None:
    """After some wrong tokens the next are refused without waiting, for a minute; the right one still logs in."""
    for _ in range(MOST_FAILED):
        assert await access.log_in("wrong") is None
    assert access.is_shut
    assert await access.log_in("wrong") is None
    assert await access.log_in(LOGIN) is not None
    clock.now += 61
    assert not access.is_shut


async def test_without_a_token_no_token_logs_in() -> None:
    """An empty text is not the token of a page that has none."""
    assert await Access(ConsoleSettings()).log_in("") is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('host = "0.0.0.0"', 'console.token: or auth = "proxy" is needed where others can reach the page'),
        ('token = "short"', "console.token: is too short: take 16 characters or more"),
        ('auth = "none"', "console.auth"),
    ],
)
def test_what_would_let_everybody_in_is_refused(tmp_path: Path, settings: str, sentence: str) -> None:
    """Each with a sentence, and without the secret."""
    (found,) = faults(write(tmp_path, f"[console]\n{settings}\n"))
    assert sentence in found
    assert 'short"' not in found


@pytest.mark.parametrize("settings", ['host = "0.0.0.0"\nauth = "proxy"', f'host = "::"\ntoken = "{LOGIN}"', ""])
def test_what_lets_only_some_in_is_taken(tmp_path: Path, settings: str) -> None:
    """A proxy that stands in front, a token, or this machine alone."""
    from headrace.config import load  # noqa: PLC0415

    config = load(write(tmp_path, f"[console]\n{settings}\n"), {})
    assert LOGIN not in repr(config)
