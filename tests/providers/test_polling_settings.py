"""What a configuration must say before a tenant is polled."""

from pathlib import Path

import pytest

from headrace.config import load
from headrace.sdk.feed import Polled
from tests.unit.configs import faults, write

SEALED = f'token_key = "{"k" * 32}"'
APP = ("client_id", "client_secret", "redirect_uri", "refresh_token")
TOO_LONG = (
    "is longer than [dedupe] window: what is read again so late could be published twice; shorten it, or widen the "
    "window"
)
OAUTH = 'client_id = "a"\nclient_secret = "b"\nredirect_uri = "c"\nrefresh_token = "d"\n'


@pytest.mark.parametrize(
    ("provider", "text", "message"),
    [
        ("leadping", "polling = true", "2: {}.polling: needs api_key (or each with _file behind it)"),
        (
            "leadsquared",
            'access_key = "x"\npolling = true',
            "3: {}.polling: needs access_key and secret_key (or each with _file behind it)",
        ),
        (
            "outreach",
            "polling = true",
            f"2: {{}}.polling: needs access_token, or {' and '.join(APP)} (or each with _file behind it)",
        ),
        (
            "outreach",
            f"polling = true\n{OAUTH}",
            "1: {}.token_key: is missing: the refresh tokens that follow the first are sealed with it",
        ),
        (
            "outreach",
            f'polling = true\n{OAUTH}{SEALED}\naccess_token = "e"',
            "8: {}.access_token: stands beside refresh_token: keep one of them",
        ),
        (
            "leadping",
            '\nfeeds = ["lead-event"]',
            '3: {}.feeds: names a feed that is none of lead-events, tenant-events; did you mean "lead-events"?',
        ),
        (
            "leadsquared",
            'polling = true\naccess_key = "x"\nsecret_key = "y"\nlead_activities = { look_back = "31d" }',
            f"5: {{}}.lead_activities.look_back: {TOO_LONG}",
        ),
        (
            "outreach",
            "events = { page_size = 1001 }",
            "2: {}.events.page_size: expected a whole number <= 1000",
        ),
    ],
)
def test_a_tenant_that_cannot_be_polled_is_named(tmp_path: Path, provider: str, text: str, message: str) -> None:
    """Missing credentials, unknown feeds and a look-back that is too long are reported with their line."""
    path = write(tmp_path, f"[tenants.{provider}.acme]\n{text}\n")
    assert faults(path) == [f"headrace.toml:{message.format(f'tenants.{provider}.acme')}"]


@pytest.mark.parametrize(
    ("provider", "secrets", "more"),
    [
        ("leadping", ("api_key",), ""),
        ("leadsquared", ("access_key", "secret_key"), ""),
        ("outreach", ("access_token",), ""),
        ("outreach", ("client_id", "client_secret", "refresh_token", "token_key"), 'redirect_uri = "https://x"'),
    ],
)
def test_every_secret_may_stand_in_a_file(tmp_path: Path, provider: str, secrets: tuple[str, ...], more: str) -> None:
    """A tenant is polled with credentials that are mounted as files, and nothing of them is written anywhere."""
    for name in secrets:
        (tmp_path / name).write_text(f"{name}-that-nobody-may-read-{'x' * 32}\n")
    named = "\n".join(f'{name}_file = "{name}"' for name in secrets)
    config = load(write(tmp_path, f"[tenants.{provider}.acme]\npolling = true\n{more}\n{named}\n"), {})
    account = config.tenants.get(provider, "acme")
    assert account
    assert isinstance(account.provider, Polled)
    assert account.provider.client(account.settings)
    assert "nobody-may-read" not in repr(account.settings)


def test_a_tenant_that_is_not_polled_needs_nothing(tmp_path: Path) -> None:
    """Without polling there are no credentials to miss, and no look-back that could be too long."""
    text = '[dedupe]\nwindow = "1d"\n[spool]\nmax_age = "1d"\n[tenants.leadping.acme]\n[tenants.outreach.acme]\n'
    assert len(list(load(write(tmp_path, text), {}).tenants)) == 2
