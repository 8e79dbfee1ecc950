"""`public_url`, and what is made of it."""

from pathlib import Path

import pytest

from headrace.cli._hook_notes import hook_notes
from headrace.config.load import load
from headrace.core.toml_lines import FileFaults
from headrace.poller.hook_list import receiver_url
from headrace.poller.state import TenantState
from headrace.records.cursors import entry
from headrace.records.hooks import HookFinding, HookReport, OwnHook
from tests.fake_provider import account


def loaded(folder: Path, url: str) -> str | None:
    (folder / "headrace.toml").write_text(f'public_url = "{url}"\n')
    return load(folder / "headrace.toml", {}).public_url


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com", "https://hooks.example.com:8443/in/", "http://127.0.0.1:80"]
)
def test_an_address_is_taken(tmp_path: Path, url: str) -> None:
    """A path may stand before ours; without TLS only this machine is reached."""
    assert loaded(tmp_path, url) == url
    assert receiver_url(account("acme"), url) == url.rstrip("/") + "/webhooks/things/acme"


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.com",
        "http://hooks.example.com",
        "https://",
        "https://user:shhh@hooks.example.com",
        "https://hooks.example.com?key=shhh",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/" + "a" * 900,
    ],
)
def test_what_is_no_address_is_refused_and_not_quoted(tmp_path: Path, url: str) -> None:
    """Plain HTTP, and what may hold a secret."""
    with pytest.raises(FileFaults) as refused:
        loaded(tmp_path, url)
    assert "public_url" in str(refused.value)
    assert "shhh" not in str(refused.value)


def test_a_webhook_that_was_made_since_the_last_look_is_not_missing() -> None:
    """Who has just run `apply` is not sent there again."""
    state, source = TenantState(), "/things/acme"
    report = HookReport(
        5_000, {}, (HookFinding("missing", "call", 1_000), HookFinding("disabled", "mail", 2_000, "dns"))
    )
    state.apply(entry(source, report))
    assert [note.split(" ")[1] for note in hook_notes(state)] == ["call", "mail"]
    state.apply(entry(source, OwnHook("call", "https://hooks.example.com", 6_000), "7"))
    assert list(hook_notes(state)) == [
        "webhook mail is switched off at the platform (dns), found 1970-01-01 00:00:02 UTC"
    ]
