"""The configuration: what it reads, and that everything wrong in it is reported at once."""

from pathlib import Path

import pytest

from headrace.config import KafkaSettings, load, seconds
from headrace.config.load import load_what_is_sound
from headrace.providers.discover import discover
from tests.unit.configs import faults, tenant, write

BAD_NAME = "a tenant's name is made of a to z, 0 to 9 and -, at most 40 of them"
NO_PROVIDER = 'provider "outreech" is none of leadping, leadsquared, outreach; did you mean "outreach"?'
KNOWN_KAFKA = ", ".join(KafkaSettings.__struct_fields__)
KNOWN_OUTREACH = ", ".join(discover()["outreach"].Settings.__struct_fields__)
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
        (
            'acme.toml:4: row[0].type (code x): unknown type "meeting.schedule"; did you mean '
            '"meeting.scheduled"?; known of '
            "meeting are meeting.scheduled, meeting.updated, meeting.canceled, meeting.responded, meeting.held; "
            "`headrace taxonomy words type` lists all"
        ),
        (
            'headrace.toml:1: topic_prefx: unknown key "topic_prefx"; did you mean "topic_prefix"?; known are '
            "topic_prefix, public_url, kafka, dedupe, ledger, spool, receiver, admin, console, log, traces, tenants"
        ),
        'headrace.toml:3: kafka.compression: expected one of lz4, zstd, gzip, snappy, none; did you mean "lz4"?',
        "headrace.toml:5: dedupe.window: write a duration such as 30d, 12h, 15m or 90s",
        "headrace.toml:7: admin.port: expected a whole number <= 65535",
        "headrace.toml:9: receiver.port: expected a whole number, got text",
        'headrace.toml:11: log.levl: unknown key "levl"; did you mean "level"?; known are format, level',
        "headrace.toml:13: tenants.outreach.acme.polling: expected true or false, got text",
        f"headrace.toml:15: tenants.outreach.Acme_EU: {BAD_NAME}",
        f"headrace.toml:16: tenants.outreech: {NO_PROVIDER}",
    ]


def test_what_contradicts_is_reported_in_the_same_round(tmp_path: Path) -> None:
    """What is missing or cannot be together does not wait until every value is right: one round tells all."""
    write(tmp_path, "no base64 at all\n", "secrets")
    path = write(
        tmp_path,
        """[kafka]
compresion = "lz4"
sasl_username = "me"
ssl_keyfile = "key.pem"
[dedupe]
window = "1d"
[spool]
max_age = "2d"
path = 3
[receiver]
port = "http"
max_bodies = "1KiB"
[tenants.leadsquared.acme]
polling = true
secret_key = "x"
token_key = "short"
feeds = ["lead-activites"]
budget = { per_windo = 1 }
[tenants.leadsquared.Acme]
polling = true
[tenants.leadping.acme]
polling = true
webhook_secrets_file = "secrets"
webhook_event = "event"
colour = "red"
[tenants.outreach.acme]
polling = true
access_token = "a"
refresh_token = "b"
events = { look_back = "2d", every = 3 }
[tenants.outreach.north]
polling = true
access_token = "a"
events = { look_back = "2d" }
""",
    )
    assert [fault.partition(": ")[2].partition(": ")[0] for fault in faults(path)] == [
        "kafka.compresion",
        "kafka.sasl_username",
        "kafka.ssl_keyfile",
        "kafka.ssl_keyfile",
        "spool.max_age",
        "spool.path",
        "receiver.port",
        "receiver.max_bodies",
        "tenants.leadsquared.acme.lead_activities.look_back",
        "tenants.leadsquared.acme.polling",
        "tenants.leadsquared.acme.token_key",
        "tenants.leadsquared.acme.feeds",
        "tenants.leadsquared.acme.budget.per_windo",
        "tenants.leadsquared.Acme",
        "tenants.leadsquared.Acme.lead_activities.look_back",
        "tenants.leadsquared.Acme.polling",
        "tenants.leadping.acme.lead_events.look_back",
        "tenants.leadping.acme.tenant_events.look_back",
        "tenants.leadping.acme.polling",
        "tenants.leadping.acme.webhook_secrets_file",
        "tenants.leadping.acme.webhook_event",
        "tenants.leadping.acme.colour",
        "tenants.outreach.acme.access_token",
        "tenants.outreach.acme.events.every",
        "tenants.outreach.acme.events.look_back",
        "tenants.outreach.north.events.look_back",
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[kafka]\nsecurity_protocol = "SASL"\nsasl_username = "me"', "kafka.security_protocol"),
        ('[dedupe]\nwindow = 3\n[spool]\nmax_age = "90d"', "dedupe.window"),
        ('[dedupe]\nwindow = "1d"\n[spool]\nmax_age = 90', "spool.max_age"),
        ("[tenants.leadsquared.acme]\npolling = true\naccess_key = 3\nsecret_key = 'x'", "access_key"),
        ("[tenants.leadsquared.acme]\npolling = true\naccess_key_file = 'no'\nsecret_key = 'x'", "access_key_file"),
        ("[tenants.leadping.acme]\nwebhook_mode = 'beerer'\nwebhook_secrets = ['%']", "webhook_mode"),
        ("[tenants.outreach.acme]\npolling = 'yes'\nevents = 3", "polling"),
    ],
)
def test_nothing_is_concluded_from_what_is_wrong(tmp_path: Path, text: str, wrong: str) -> None:
    """A value that cannot be read contradicts nothing: only what is wrong itself is reported."""
    found = [
        fault.partition(": ")[2].partition(": ")[0].rpartition("acme.")[2] for fault in faults(write(tmp_path, text))
    ]
    assert found == [wrong, *(["events"] if "events" in text else [])]


def test_what_is_sound_can_be_used(tmp_path: Path) -> None:
    """Tenants that are broken are left out with what is wrong with them; the others are as they are alone."""
    write(tmp_path, "[[row]]\n", "bad.toml")
    path = write(
        tmp_path,
        '[tenants.outreach.good]\n[tenants.outreach.bad]\nmapping = "bad.toml"\n'
        "[tenants.outreach.late]\npolling = true\n[tenants.outreech.acme]\n",
    )
    found = load_what_is_sound(path, {})
    assert list(found.config.tenants.by_source) == ["/outreach/good"]
    assert {source: len(wrong) for source, wrong in found.config.tenants.left_out.items()} == {
        "/outreach/bad": 3,
        "/outreach/late": 1,
    }
    assert not found.service_faults
    assert len(found.faults) == len(faults(path)) == 5


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
        ('[tenants.leadping.acme]\nwebhook_event = "event"', "headrace.toml:2: tenants.leadping.acme.webhook_event: "),
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
        "HEADRACE_ADMIN__PORT: expected a whole number, got text",
        f"HEADRACE_KAFKA_BOOTSTRAP_SERVERS: {UNKNOWN}; did you mean HEADRACE_KAFKA__BOOTSTRAP_SERVERS?",
        'HEADRACE_KAFKA__COMPRESION: unknown key "compresion"; did you mean "compression"?; known are ' + KNOWN_KAFKA,
        "HEADRACE_LOG__LEVEL: expected one of debug, info, warning, error",
        f"HEADRACE_TENANTS_OUTREACH_ACME_POLLING: {UNKNOWN}; {UNDERSCORES}",
        'HEADRACE_TENANTS__OUTREACH__ACME__POLING: unknown key "poling"; did you mean "polling"?; known are '
        + KNOWN_OUTREACH,
        'HEADRACE_TENANTS__OUTREACH__BETA__WEBHOOK_SECRETS: is no JSON list: write ["one", "two"] or one,two',
        f"HEADRACE_TENANTS__OUTREECH__ACME__POLLING: {NO_PROVIDER}",
        "HEADRACE_TOPIC_PREFIX__X: expected text, got a table",
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


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('topic_prefix = "a.\\n"', "topic_prefix"),
        ('[tenants.outreach.acme]\nbase_url = "https://api.example.com\\n"', "base_url"),
    ],
)
def test_no_value_ends_in_a_newline_that_nobody_sees(tmp_path: Path, text: str, where: str) -> None:
    """It would be part of a topic's name, or of a URL."""
    (fault,) = faults(write(tmp_path, text + "\n"))
    assert where in fault


def test_traces_are_off_and_their_headers_are_secrets(tmp_path: Path) -> None:
    """Each header is name=value, from a file as well; nothing repeats what is wrong in one."""
    write(tmp_path, "authorization=Basic a=b==\nx-scope = here\n", "headers")
    path = write(tmp_path, '[traces]\nenabled = true\nendpoint = "http://here:4318"\nheaders_file = "headers"')
    traces = load(path, {"HEADRACE_TRACES__RATIO": "0.5"}).traces
    assert (traces.enabled, traces.ratio) == (True, 0.5)
    assert traces.named_headers == {"authorization": "Basic a=b==", "x-scope": "here"}
    assert "Basic" not in repr(traces)
    assert not load(write(tmp_path, ""), {}).traces.enabled
    wrong = '[traces]\nendpoint = "http://me:secret@here"\nratio = 2\nheaders = ["secret", "a=b\\nc=d"]'
    assert faults(write(tmp_path, wrong)) == [
        "headrace.toml:2: traces.endpoint: expected an http or https URL without query such as http://collector:4318",
        "headrace.toml:3: traces.ratio: expected a number <= 1.0",
        "headrace.toml:4: traces.headers: a header is written as name=value",
    ]
