"""What a tenant may say about redaction, and what is refused at the start."""

from pathlib import Path

import pytest

from headrace.config import load
from headrace.config.config_watch import ConfigWatch
from headrace.config.live import LiveConfig
from tests.unit.configs import faults, tenant, write

KEY = "an-invented-key-of-32-characters"
ACME = "[tenants.outreach.acme]\nwebhook_secrets = ['x']\n"


def redacting(folder: Path, lines: str, key: str = KEY) -> Path:
    write(folder, f"{key}\n", "redact.key")
    return write(folder, f"{ACME}[tenants.outreach.acme.redact]\n{lines}")


def test_a_tenant_names_places_and_a_file_with_a_key(tmp_path: Path) -> None:
    """Places are dropped or hashed; what nobody names stays as it is."""
    path = redacting(
        tmp_path, 'drop = ["text", "client"]\nhash = ["parties", "fields.mx_Phone"]\nkey_file = "redact.key"'
    )
    account = tenant(load(path, {}))
    assert account.settings.redact.drop == ["text", "client"]
    assert account.settings.redact.key == KEY
    assert account.redactor is not None
    assert KEY not in repr(account)
    assert tenant(load(write(tmp_path, ACME), {})).redactor is None


def test_a_list_alone_is_what_is_dropped(tmp_path: Path) -> None:
    """The short form; what is wrong in it is said with its line, and a variable adds nothing to it."""
    account = tenant(load(write(tmp_path, f"{ACME}redact = ['text', 'parties', 'fields.x']\n"), {}))
    assert account.settings.redact.drop == ["text", "parties", "fields.x"]
    (fault,) = faults(write(tmp_path, f"{ACME}redact = ['texts']\n"))
    assert "headrace.toml:3" in fault
    assert 'did you mean "text"?' in fault
    (fault,) = faults(write(tmp_path, f"{ACME}redact = 'text'\n"))
    assert "is a table" in fault


def test_variables_name_places_too(tmp_path: Path) -> None:
    """As every other setting."""
    path = write(tmp_path, ACME)
    account = tenant(load(path, {"HEADRACE_TENANTS__OUTREACH__ACME__REDACT__DROP": "text,client"}))
    assert account.settings.redact.drop == ["text", "client"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('drop = ["texts"]', "drop: names a place that is none of text, title, reason, actor, parties, client"),
        ('drop = ["texts"]', '; did you mean "text"?'),
        ('drop = ["parties.from.adress"]', '; did you mean "parties.from.address"?'),
        ('drop = ["fields."]', "drop: names a place that is none of"),
        ('drop = ["native.id"]', "drop: names what every event keeps"),
        ('drop = ["partitionkey"]', "drop: names what every event keeps"),
        ('drop = ["times.sent"]', "drop: names what every event keeps"),
        ('drop = ["text", "native.extras.x"]', '; did you mean "native.extra"?, at [1]'),
        ('drop = ["subject"]', "drop: names the subject, which every event has: hash it"),
        ('drop = "text"', "drop: expected a list, got text"),
        ('hash = ["text"]', "hash: needs key_file"),
        ('hash = ["urls.recording"]\nkey_file = "redact.key"', "hash: names numbers or addresses"),
        ('hash = ["value"]\nkey_file = "redact.key"', "hash: names numbers or addresses"),
        ('drop = ["text"]\nhash = ["text"]\nkey_file = "redact.key"', "hash: names a place that `drop` names, too"),
        (
            'drop = ["fields.mx_a"]\nhash = ["fields.MX_A"]\nkey_file = "redact.key"',
            "hash: names a place that `drop` names, too",
        ),
        ('drop = ["text"]\nkey_file = "redact.key"', "key_file: has no effect without `hash`"),
        ('hash = ["text"]\nkey_file = "missing.key"', "key_file: the file that it names cannot be read"),
        ('hash = ["text"]\nkey = ""', "key: a secret is empty"),
        ('mask = ["text"]', 'unknown key "mask"'),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(tmp_path: Path, lines: str, expected: str) -> None:
    """Unknown places, what must stay, a hash where none fits, and a hash without a key."""
    found = faults(redacting(tmp_path, lines))
    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize("key", ["short", f"{KEY}\n{KEY}"])
def test_a_key_is_one_line_that_nobody_can_guess(tmp_path: Path, key: str) -> None:
    """It is not repeated."""
    (fault,) = faults(redacting(tmp_path, 'hash = ["text"]\nkey_file = "redact.key"', key))
    assert "key_file: is one line of 32 characters or more" in fault
    assert key not in fault


def test_what_is_published_has_another_mapping_under_other_settings(tmp_path: Path) -> None:
    """So a replay waits for normalizers that redact as it does, and a new key is a new one."""

    def mapping(lines: str, key: str = KEY) -> str:
        return tenant(load(redacting(tmp_path, lines, key), {})).mapping_id

    plain = tenant(load(write(tmp_path, ACME), {}))
    hashed = 'hash = ["text"]\nkey_file = "redact.key"'
    found = [mapping('drop = ["text"]'), mapping('drop = ["title"]'), mapping(hashed), mapping(hashed, KEY[::-1])]
    assert plain.mapping_id == plain.mapping.id
    assert len({plain.mapping_id, *found}) == 5
    assert mapping('drop = ["text"]') == found[0]


def test_another_key_in_the_file_is_taken_over_while_it_runs(tmp_path: Path) -> None:
    """Hashes, and the id of what is published, are others from then on; a key that is no good changes nothing."""
    path = redacting(tmp_path, 'hash = ["text"]\nkey_file = "redact.key"')
    live = LiveConfig(load(path, {}))
    watch = ConfigWatch(live, {}, sleep=lambda _: None)
    watch.look()
    before = tenant(live.config)
    write(tmp_path, "short\n", "redact.key")
    assert not watch.look()
    assert "one line of 32 characters" in live.refused[0]
    write(tmp_path, f"{KEY[::-1]}\n", "redact.key")
    assert watch.look()
    after = tenant(live.config)
    assert before.redactor is not None
    assert after.redactor is not None
    assert before.redactor.hash("a text") != after.redactor.hash("a text")
    assert before.mapping_id != after.mapping_id
