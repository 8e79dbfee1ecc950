"""Everything that is wrong with a configuration is told at once, and nothing that stands in it ends in a traceback."""

from pathlib import Path

import pytest

from headrace.config import load
from tests.unit.configs import faults, write

NEEDED = "(or each with _file behind it)"
NO_BASE64 = 'a secret is not "whsec_" and base64, as LeadPing shows it'
TOO_LONG = (
    "is longer than [dedupe] window: what is read again so late could be published twice; shorten it, "
    "or widen the window"
)
NO_ADDRESS = "has no host, or no port of 1 to 65535 behind it"
ONE_PORT = "is the port of [receiver], too: two servers cannot listen there; choose another"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[tenants.outreach.acme]\nmapping = "a\\u0000b"', ":2: tenants.outreach.acme.mapping: holds a NUL character"),
        ('[spool]\npath = "a\\u0000b"', ":2: spool.path: holds a NUL character"),
        ("[kafka]\n\n[receiver]\nport = " + "9" * 5000, ":4: a number has more than 1,000 digits"),
        ("[receiver]\nport = " + "[" * 400 + "]" * 400, ":2: values are nested more than 64 deep"),
        ("[receiver]\n\nport = " + "{a=" * 3000 + "1" + "}" * 3000, ":3: values are nested more than 64 deep"),
    ],
    ids=["a NUL in a path", "a NUL in the spool's path", "digits", "lists", "tables"],
)
def test_what_no_reader_of_toml_takes(tmp_path: Path, text: str, wanted: str) -> None:
    """What ended in an error of Python is one fault, at its line; in a mapping it is as well."""
    assert faults(write(tmp_path, text)) == [f"headrace.toml{wanted}"]
    if "NUL" not in wanted:
        write(tmp_path, text, "acme.toml")
        assert faults(write(tmp_path, '[tenants.outreach.acme]\nmapping = "acme.toml"')) == [f"acme.toml{wanted}"]


def test_a_home_that_is_nobodys(tmp_path: Path) -> None:
    """`~name` of somebody who is none on this machine is the name of a folder."""
    [fault] = faults(write(tmp_path, '[tenants.outreach.acme]\nmapping = "~no-such-user/x.toml"'))
    assert fault.endswith("~no-such-user/x.toml cannot be read: No such file or directory")


def test_a_variable_nested_too_deep(tmp_path: Path) -> None:
    """A list in a variable that no reader of JSON takes is a fault."""
    [fault] = faults(write(tmp_path, ""), {"HEADRACE_TENANTS__OUTREACH__ACME__WEBHOOK_SECRETS": "[" * 5000})
    assert "is no JSON list" in fault


def test_a_mark_of_byte_order_is_no_part_of_a_file(tmp_path: Path) -> None:
    """Editors on Windows put one before the text: into the configuration, a mapping, a secret."""
    bom = "\ufeff"
    write(tmp_path, bom + '[[row]]\ntable = "event"\ncode = "x"\ntype = "meeting.scheduled"\n', "acme.toml")
    write(tmp_path, bom + "hush\n", "key")
    text = '[tenants.outreach.acme]\nmapping = "acme.toml"\nwebhook_secrets_file = "key"\n'
    account = load(write(tmp_path, bom + text), {}).tenants.get("outreach", "acme")
    assert account is not None
    assert account.settings.webhook_secrets == ["hush"]


@pytest.mark.parametrize(
    ("provider", "settings", "wanted"),
    [
        (
            "leadsquared",
            'polling = true\nsecret_key_file = "gone.key"',
            [f":2: T.polling: needs access_key and secret_key {NEEDED}", ":3: T.secret_key_file: the file that it"],
        ),
        (
            "leadsquared",
            "polling = true\nsecret_key = 5",
            [
                f":2: T.polling: needs access_key and secret_key {NEEDED}",
                ":3: T.secret_key: expected text, got a whole number",
            ],
        ),
        ("leadsquared", 'polling = true\naccess_key = "a"\nsecret_key = ""', [":4: T.secret_key: a secret is empty"]),
        (
            "outreach",
            'polling = true\nclient_id_file = "nope"',
            [
                (
                    ":2: T.polling: needs access_token, or client_id and client_secret and redirect_uri and "
                    f"refresh_token {NEEDED}"
                ),
                ":3: T.client_id_file: the file that it",
            ],
        ),
        (
            "leadping",
            'webhook_secrets = ["", "not base64"]',
            [":2: T.webhook_secrets: a secret is empty", f":2: T.webhook_secrets: {NO_BASE64}"],
        ),
        (
            "leadping",
            'webhook_secrets = [7, "!!", true]',
            [
                f":2: T.webhook_secrets: {NO_BASE64}",
                ":2: T.webhook_secrets: expected text, got a whole number, at [0]",
                ":2: T.webhook_secrets: expected text, got true or false, at [2]",
            ],
        ),
        ("leadping", 'webhook_secrets = [""]', [":2: T.webhook_secrets: a secret is empty"]),
        (
            "leadsquared",
            (
                'polling = true\naccess_key = "a"\nsecret_key = "b"\n'
                'lead_activities = { page_size = 5, look_back = "90d" }'
            ),
            [
                f":5: T.lead_activities.look_back: {TOO_LONG}",
                ":5: T.lead_activities.page_size: expected a whole number >= 10",
            ],
        ),
        (
            "leadsquared",
            'webhook_header = "X Bad: "',
            [":2: T.webhook_header: expected the name of an HTTP header such as X-Headrace-Secret"],
        ),
        ("outreach", 'base_url = "https://x:99999"', [f":2: T.base_url: {NO_ADDRESS}"]),
        ("outreach", 'base_url = "https://:80"', [f":2: T.base_url: {NO_ADDRESS}"]),
        ("outreach", 'base_url = "https://[::1"', [f":2: T.base_url: {NO_ADDRESS}"]),
    ],
)
def test_nothing_hides_another_fault(tmp_path: Path, provider: str, settings: str, wanted: list[str]) -> None:
    """A value that is wrong hides no fault that would stay without it, and what can never work is one."""
    path = f"tenants.{provider}.acme"
    found = faults(write(tmp_path, f"[{path}]\n{settings}\n"))
    expected = ["headrace.toml" + each.replace("T.", f"{path}.") for each in wanted]
    assert [each[: len(begin)] for each, begin in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ("[receiver]\nport = 8080\n[admin]\nport = 8080", True),
        ("[receiver]\nhost = '127.0.0.1'\n[admin]\nport = 8080", True),
        ("[receiver]\nhost = '127.0.0.1'\n[admin]\nhost = '127.0.0.2'\nport = 8080", False),
        ("[receiver]\nport = 0\n[admin]\nport = 0", False),
    ],
)
def test_two_servers_at_one_port(tmp_path: Path, settings: str, *, wrong: bool) -> None:
    """Webhooks and metrics cannot be served at one address, except where the system chooses."""
    path = write(tmp_path, settings)
    if wrong:
        [fault] = faults(path)
        assert fault.endswith(f"admin.port: {ONE_PORT}")
    else:
        load(path, {})
