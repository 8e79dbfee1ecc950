"""The configuration: what it reads, and that everything wrong in it is reported at once."""

from pathlib import Path

import pytest

from headrace.config import load, seconds
from tests.unit.configs import faults, tenant, write

BAD_NAME = "a tenant's name is made of a to z, 0 to 9 and -, at most 40 of them"
NO_PROVIDER = 'provider "outreech" is none of leadping, leadsquared, outreach; did you mean "outreach"?'
UNKNOWN = "unknown environment variable"
UNDERSCORES = "two underscores lead into a table: HEADRACE_TENANTS__PROVIDER__TENANT__KEY"


def test_defaults_hold_where_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file and without variables, a broker on this machine is used and no tenant is configured."""
    monkeypatch.chdir(tmp_path)
    config = load(None, {"PATH": "/bin", "HOME": "/"})
    assert (config.topic_prefix, config.kafka.bootstrap_servers) == ("headrace.", "localhost:9092")
    assert (config.kafka.compression, config.dedupe.window) == (None, 30 * 86_400)
    assert (config.receiver.port, config.admin.port, config.log.format) == (8080, 9464, "auto")
    assert not list(config.tenants)
    assert config.file is None


def test_the_file_is_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on the command line wins over HEADRACE_CONFIG, and that over ./headrace.toml."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 'topic_prefix = "here."')
    named = write(tmp_path, 'topic_prefix = "named."', "named.toml")
    chosen = write(tmp_path, 'topic_prefix = "chosen."', "chosen.toml")
    assert load(None, {}).topic_prefix == "here."
    assert load(None, {"HEADRACE_CONFIG": str(named)}).topic_prefix == "named."
    assert load(chosen, {"HEADRACE_CONFIG": str(named)}).topic_prefix == "chosen."


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """A file that somebody names and that is not there is an error, never a silent default."""
    assert faults(tmp_path / "no.toml") == ["no.toml: cannot be read: No such file or directory"]


def test_broken_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    """What is no TOML is reported with file and line."""
    [fault] = faults(write(tmp_path, "[kafka]\nbootstrap_servers =\n"))
    assert fault.startswith("headrace.toml:2: not TOML: ")


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    """Wrong keys, values, tenants, providers and overlay rows of one configuration are reported at once, with lines."""
    write(tmp_path, '[[row]]\ntable = "event"\ncode = "x"\ntype = "meeting.schedule"\n', "acme.toml")
    path = write(
        tmp_path,
        """topic_prefx = "headrace."
[kafka]
compression = "lz5"
[dedupe]
window = "30 days"
[admin]
port = 70000
[receiver]
port = "http"
[log]
levl = "info"
[tenants.outreach.acme]
polling = "yes"
mapping = "acme.toml"
[tenants.outreach.Acme_EU]
[tenants.outreech.acme]
polling = true
""",
    )
    assert faults(path) == [
        'acme.toml:4: row[0].type: unknown type "meeting.schedule"; did you mean "meeting.scheduled"?',
        'headrace.toml:1: topic_prefx: unknown key "topic_prefx"; did you mean "topic_prefix"?',
        'headrace.toml:3: kafka.compression: expected one of lz4, zstd, gzip, snappy, none; did you mean "lz4"?',
        "headrace.toml:5: dedupe.window: write a duration such as 30d, 12h, 15m or 90s",
        "headrace.toml:7: admin.port: expected a whole number <= 65535",
        "headrace.toml:9: receiver.port: expected a whole number, got a string",
        'headrace.toml:11: log.levl: unknown key "levl"; did you mean "level"?',
        "headrace.toml:13: tenants.outreach.acme.polling: expected true or false, got a string",
        f"headrace.toml:15: tenants.outreach.Acme_EU: {BAD_NAME}",
        f"headrace.toml:16: tenants.outreech: {NO_PROVIDER}",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kafka = 1", "headrace.toml:1: kafka: is a table: write [kafka]"),
        ("tenants = 1", "headrace.toml:1: tenants: tenants are written as [tenants.PROVIDER.NAME]"),
        (
            "[tenants]\noutreach = 1",
            "headrace.toml:2: tenants.outreach: tenants are written as [tenants.outreach.NAME]",
        ),
        (
            "[tenants.outreach]\nacme = 1",
            "headrace.toml:2: tenants.outreach.acme: is a table: write [tenants.outreach.acme]",
        ),
        ("[dedupe]\nwindow = 30", "headrace.toml:2: dedupe.window: write a duration such as 30d, 12h, 15m or 90s"),
        ('topic_prefix = "a b"', "headrace.toml:1: topic_prefix: expected letters, digits, dots, _ and -"),
        (
            '[kafka]\nbootstrap_servers = "a:b"',
            "headrace.toml:2: kafka.bootstrap_servers: expected host:port, or several with commas between them",
        ),
        (
            '[tenants.outreach.acme]\nmapping = "no.toml"',
            "headrace.toml:2: tenants.outreach.acme.mapping: no.toml cannot be read: No such file or directory",
        ),
        ('[tenants.leadping.acme]\nwebhook_event = "event"', "headrace.toml:1: tenants.leadping.acme: "),
    ],
)
def test_a_wrong_value_is_reported(tmp_path: Path, text: str, fault: str) -> None:
    """Each kind of mistake has a sentence of its own, with the line it stands in."""
    [reported] = faults(write(tmp_path, text))
    assert reported.startswith(fault)


@pytest.mark.parametrize(
    ("written", "wanted"), [("30d", 2_592_000), ("12h", 43_200), ("15m", 900), ("90s", 90), (" 1 d ", 86_400)]
)
def test_durations(written: str, wanted: int) -> None:
    """A duration is a number of days, hours, minutes or seconds."""
    assert seconds(written) == wanted


@pytest.mark.parametrize("written", ["", "30", "d", "-1d", "1w", "1.5h", "1h30m", "9" * 20 + "d"])
def test_what_is_no_duration(written: str) -> None:
    """Anything else is refused, and not quoted."""
    with pytest.raises(ValueError, match=r"^write a duration"):
        seconds(written)


def test_variables_lie_over_the_file(tmp_path: Path) -> None:
    """A variable wins over the file, reaches into tables and tenants, and is read as the type of its key."""
    path = write(tmp_path, '[kafka]\nbootstrap_servers = "file:1"\n[tenants.outreach.acme]\npolling = false\n')
    config = load(
        path,
        {
            "HEADRACE_TOPIC_PREFIX": "other.",
            "HEADRACE_KAFKA__BOOTSTRAP_SERVERS": "one:1, two.example,[::1]:2",
            "HEADRACE_DEDUPE__WINDOW": "7d",
            "HEADRACE_ADMIN__PORT": "0",
            "HEADRACE_TENANTS__OUTREACH__ACME__POLLING": "true",
            "HEADRACE_TENANTS__OUTREACH__ACME__ACCESS_TOKEN": "three",
            "HEADRACE_TENANTS__OUTREACH__ACME__WEBHOOK_SECRETS": "one, two",
            "HEADRACE_TENANTS__OUTREACH__ACME_EU__WEBHOOK_SECRETS": '["one,two"]',
        },
    )
    assert (config.topic_prefix, config.kafka.bootstrap_servers) == ("other.", "one:1, two.example,[::1]:2")
    assert (config.dedupe.window, config.admin.port) == (7 * 86_400, 0)
    assert tenant(config).settings.polling
    assert tenant(config).settings.webhook_secrets == ["one", "two"]
    assert tenant(config, "acme-eu").settings.webhook_secrets == ["one,two"]


def test_faults_of_variables_name_the_variable(tmp_path: Path) -> None:
    """A wrong value of a variable is reported under its name, misspelt ones with the name that was meant."""
    reported = faults(
        write(tmp_path, ""),
        {
            "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
            "HEADRACE_KAFKA__COMPRESION": "lz4",
            "HEADRACE_ADMIN__PORT": "nine",
            "HEADRACE_LOG__LEVEL": "loud",
            "HEADRACE_TOPIC_PREFIX__X": "x",
            "HEADRACE_TENANTS_OUTREACH_ACME_POLLING": "true",
            "HEADRACE_TENANTS__OUTREECH__ACME__POLLING": "true",
            "HEADRACE_TENANTS__OUTREACH__ACME__POLING": "true",
            "HEADRACE_TENANTS__OUTREACH__BETA__WEBHOOK_SECRETS": "[",
        },
    )
    assert reported == [
        "HEADRACE_ADMIN__PORT: expected a whole number, got a string",
        f"HEADRACE_KAFKA_BOOTSTRAP_SERVERS: {UNKNOWN}; did you mean HEADRACE_KAFKA__BOOTSTRAP_SERVERS?",
        'HEADRACE_KAFKA__COMPRESION: unknown key "compresion"; did you mean "compression"?',
        "HEADRACE_LOG__LEVEL: expected one of debug, info, warning, error",
        f"HEADRACE_TENANTS_OUTREACH_ACME_POLLING: {UNKNOWN}; {UNDERSCORES}",
        'HEADRACE_TENANTS__OUTREACH__ACME__POLING: unknown key "poling"; did you mean "polling"?',
        'HEADRACE_TENANTS__OUTREACH__BETA__WEBHOOK_SECRETS: is no JSON list: write ["one", "two"] or one,two',
        f"HEADRACE_TENANTS__OUTREECH__ACME__POLLING: {NO_PROVIDER}",
        "HEADRACE_TOPIC_PREFIX__X: expected a string, got a table",
    ]


def test_a_variable_into_a_value_of_the_file(tmp_path: Path) -> None:
    """A variable that leads into what the file says is a plain value is reported."""
    path = write(tmp_path, 'topic_prefix = "x."')
    assert faults(path, {"HEADRACE_TOPIC_PREFIX__X": "1"}) == ["HEADRACE_TOPIC_PREFIX__X: topic_prefix is not a table"]


def test_what_kubernetes_sets_is_not_ours(tmp_path: Path) -> None:
    """The variables that Kubernetes derives from Services called headrace-… are passed over."""
    address = "tcp://10.0.0.7:8080"
    environ = {
        "HEADRACE_RECEIVER_PORT": address,
        "HEADRACE_RECEIVER_PORT_8080_TCP": address,
        "HEADRACE_RECEIVER_PORT_8080_TCP_ADDR": "10.0.0.7",
        "HEADRACE_RECEIVER_SERVICE_HOST": "10.0.0.7",
        "HEADRACE_RECEIVER_SERVICE_PORT": "8080",
        "HEADRACE_TEST_KAFKA": "localhost:9092",
        "HEADRACE_EXTRA_SAMPLES": "samples",
    }
    assert load(write(tmp_path, ""), environ).receiver.port == 8080


def test_the_overlay_lies_before_the_built_in_table(tmp_path: Path) -> None:
    """A tenant's overlay file stands beside the configuration; its rows win, and change the mapping's id."""
    write(
        tmp_path,
        '[[row]]\ntable = "event"\ncode = "message_opened"\ntype = "custom.logged"\n',
        "acme.toml",
    )
    path = write(tmp_path, '[tenants.outreach.acme]\nmapping = "acme.toml"\n[tenants.outreach.plain]\n')
    config = load(path, {})
    assert tenant(config).mapping.find("event", "message_opened").type == "custom.logged"
    assert tenant(config, "plain").mapping.find("event", "message_opened").type == "email.opened"
    assert tenant(config).mapping.id != tenant(config, "plain").mapping.id
