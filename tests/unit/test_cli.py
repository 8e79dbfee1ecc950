"""The command line, as far as it needs no Kafka."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headrace import __version__
from headrace.cli import main

OPENED = {
    "data": [
        {
            "type": "event",
            "id": 5,
            "attributes": {"name": "message_opened", "eventAt": "2026-08-08T09:00:00.000Z"},
            "relationships": {"prospect": {"data": {"type": "prospect", "id": 81}}},
        }
    ]
}
NO_FEED = "No tenant that is asked for is polled: set polling = true in [tenants.PROVIDER.NAME].\n"
PAGE = json.dumps(OPENED)
PRETTY = json.dumps(OPENED, indent=2)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run headrace in an empty folder and a clean environment, on a terminal of a hundred columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)

    def call(*words: str, stdin: str | bytes | None = None, **environ: str) -> Result:
        return CliRunner(env=dict(environ)).invoke(main, words, input=stdin)

    return call


def test_help_imports_no_command() -> None:
    """The help of the program lists every command without importing one: it comes at once."""
    script = (
        "import sys, contextlib\nfrom headrace.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print(sorted(m for m in sys.modules if m.startswith(('headrace.', 'aiokafka', 'msgspec', 'numpy'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "['headrace.cli']"


@pytest.mark.parametrize(
    "name",
    [
        *("run", "check", "topics", "leads", "fetch", "ingest", "redrive", "spool"),
        *("feeds", "explain", "tail", "taxonomy"),
    ],
)
def test_every_command_has_help_with_examples(run: Any, name: str) -> None:
    """Each command has a help page of its own, which is no wider than a terminal."""
    assert f"  {name} " in run("--help").output
    helped = run(name, "--help")
    assert helped.exit_code == 0
    assert f"Usage: main {name}" in helped.output
    assert max(map(len, helped.output.splitlines())) <= 100


def test_version(run: Any) -> None:
    """--version tells the version of the distribution."""
    assert run("--version").output == f"headrace {__version__}\n"


def test_a_misspelt_command_is_reported(run: Any) -> None:
    """A command that does not exist ends with exit code 2 and the one that was meant."""
    done = run("chek")
    assert done.exit_code == 2
    assert 'there is no command "chek"; did you mean "check"?' in done.output


def test_check_reads_the_files_of_tenants(run: Any) -> None:
    """Tenants in files of their own are summed up like the others, and what is wrong with one has its file and line."""
    Path("tenants.d").mkdir()
    Path("tenants.d/acme.toml").write_text("[tenants.outreach.acme]\n")
    assert run("check").output.splitlines()[-1].split()[:2] == ["outreach", "acme"]
    Path("tenants.d/acme.toml").write_text("[tenants.outreach.acme]\npaussed = true\n")
    done = run("check")
    assert done.exit_code == 1
    assert done.output.startswith("tenants.d/acme.toml:2: tenants.outreach.acme.paussed: unknown key")


def test_check_says_what_is_good(run: Any) -> None:
    """A good configuration is summed up: a line a tenant, with its table's rows and its overlay's."""
    Path("acme.toml").write_text('[[row]]\ntable = "event"\ncode = "x"\ntype = "custom.logged"\n')
    Path("headrace.toml").write_text(
        '[tenants.outreach.acme]\nmapping = "acme.toml"\npolling = true\naccess_token = "three"\n'
        'webhook_secrets = ["one", "two"]\n'
    )
    done = run("check")
    assert done.exit_code == 0
    assert "headrace.toml is good." in done.output
    provider, tenant, polling, secrets, *overlay, mapping, rows = done.output.splitlines()[-1].split()
    assert (provider, tenant, overlay, polling, secrets) == ("outreach", "acme", ["1", "row"], "on", "2")
    assert len(mapping) == 8
    assert int(rows) > 100
    Path("acme.toml").write_text(
        '[[row]]\ntable = "event"\ncode = "x"\ntype = "custom.logged"\nstatus.a = "task.due"\n'
    )
    assert "  1 row, 1 word  " in run("check").output
    Path("headrace.toml").write_text('[tenants.outreach.acme]\npaused = true\npolling = true\naccess_token = "three"\n')
    assert run("check").output.splitlines()[-1].split()[2:4] == ["paused", "none"]


def test_check_without_a_configuration(run: Any) -> None:
    """Without any configuration the defaults are shown, and what to add."""
    done = run("check")
    assert done.exit_code == 0
    assert "No tenant yet: add [tenants.PROVIDER.NAME]" in done.output


def test_check_says_everything_that_is_wrong(run: Any) -> None:
    """Every fault stands on a line of its own on stderr with file and line, and the exit code is 1."""
    Path("headrace.toml").write_text("topic_prefx = 1\n[dedupe]\nwindow = 1\n")
    done = run("check")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        (
            'headrace.toml:1: topic_prefx: unknown key "topic_prefx"; did you mean "topic_prefix"?; known are '
            "topic_prefix, public_url, kafka, dedupe, ledger, spool, receiver, admin, console, log, traces, tenants"
        ),
        "headrace.toml:3: dedupe.window: write a duration such as 30d, 12h, 15m or 90s",
        "2 things to mend.",
    ]
    assert not done.stdout


def test_a_broken_configuration_ends_every_command(run: Any) -> None:
    """A command that needs the configuration ends with what is wrong with it, before anything else."""
    Path("headrace.toml").write_text("topic_prefx = 1\n")
    done = run("tail")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: the configuration cannot be used:\n  headrace.toml:1: topic_prefx:")


def test_a_broken_tenant_blocks_no_other(run: Any) -> None:
    """Whatever is wrong elsewhere, a sound tenant can be explained; a broken one says what is wrong with it."""
    Path("page.json").write_text(PAGE)
    Path("headrace.toml").write_text(
        "topic_prefx = 1\n[tenants.outreach.acme]\n[tenants.outreach.south]\npolling = true\n"
    )
    assert run("explain", "-p", "outreach", "-t", "acme", "page.json").exit_code == 0
    broken = run("explain", "-p", "outreach", "-t", "south", "page.json")
    assert broken.exit_code == 1
    assert broken.stderr.startswith(
        'Error: tenant "south" of outreach cannot be used:\n  headrace.toml:4: tenants.outreach.south.polling: needs '
    )


def test_a_broken_tenant_is_left_out_and_named(run: Any) -> None:
    """Commands work for the sound tenants, and say which ones they leave out; the service does not run so."""
    Path("headrace.toml").write_text("[tenants.outreach.acme]\n[tenants.outreach.south]\npolling = 3\n")
    done = run("feeds")
    assert (done.exit_code, done.stdout) == (0, NO_FEED)
    assert (
        done.stderr
        == "Left out, because not everything is right with it: outreach/south (`headrace check` says what).\n"
    )
    assert run("run").stderr.startswith("Error: the configuration cannot be used:\n  headrace.toml:3: ")


def test_explain_a_page(run: Any) -> None:
    """A record is shown with its identity, the row that applied, its fate and the whole event."""
    Path("page.json").write_text(PRETTY)
    done = run("explain", "-p", "outreach", "page.json")
    assert done.exit_code == 0
    head, event = done.output.split("{", 1)
    title, shape, *facts = head.splitlines()
    assert title == "event/5  page.json, record 1"
    assert shape.startswith("  shape    event, ")
    assert facts == [
        "  version  none: it never changes",
        "  row      message_opened → email.opened",
        "  fate     published, unless it was seen before",
    ]
    body, summary = f"{{{event}".rsplit("\n\n", 1)
    assert json.loads(body)["type"] == "headrace.email.opened.v1"
    assert summary == "1 record: 1 published\n"


def test_explain_as_json(run: Any) -> None:
    """With --json each record is one object on one line, with the file and the body it stood in."""
    Path("pages.ndjson").write_text(f"{PAGE}\n\n{PAGE}\nnonsense\n")
    done = run("explain", "-p", "outreach", "--json", "pages.ndjson")
    assert done.exit_code == 1
    records = [json.loads(line) for line in done.output.splitlines()]
    assert [(each["file"], each["body"], each["number"], each["fate"]) for each in records] == [
        ("pages.ndjson", 1, 1, "published"),
        ("pages.ndjson", 2, 1, "published"),
        ("pages.ndjson", 3, 1, "dead"),
    ]
    assert records[0]["identity"] == {"resource": "event", "id": "5", "version": None}
    assert records[0]["event"]["subject"] == "lead/81"
    assert records[2]["problem"]["code"] == "malformed"


def test_explain_reads_standard_input(run: Any) -> None:
    """A dash stands for standard input."""
    assert run("explain", "-p", "outreach", "-", stdin=PAGE).output.endswith("1 record: 1 published\n")


def test_explain_tells_a_problem(run: Any) -> None:
    """A record that cannot be read is shown with its problem and the place, and the exit code is 1."""
    Path("cut.json").write_text(PAGE[:40])
    done = run("explain", "-p", "outreach", "cut.json")
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == "no identity  cut.json, record 1"
    assert "  problem  malformed at byte 40: " in done.output


def test_explain_an_unmapped_code(run: Any) -> None:
    """A code without a row is shown as such."""
    done = run("explain", "-p", "outreach", "-", stdin=PAGE.replace("message_opened", "moon_landed"))
    assert done.exit_code == 0
    assert "  row      unmapped: no row for code moon_landed; an overlay can add one" in done.output


def test_explain_by_a_tenants_overlay(run: Any) -> None:
    """With a tenant its overlay decides; an unknown tenant is an error that suggests the one that was meant."""
    Path("acme.toml").write_text('[[row]]\ntable = "event"\ncode = "moon_landed"\ntype = "custom.logged"\n')
    Path("headrace.toml").write_text('[tenants.outreach.acme]\nmapping = "acme.toml"\n')
    page = PAGE.replace("message_opened", "moon_landed")
    assert "moon_landed → custom.logged" in run("explain", "-p", "outreach", "-t", "acme", "-", stdin=page).output
    wrong = run("explain", "-p", "outreach", "-t", "acne", "-", stdin=page)
    assert wrong.exit_code == 1
    assert 'tenant "acne" is not configured, acme of outreach is' in wrong.output
    assert 'did you mean "acme"?' in wrong.output


def test_explain_shows_no_raw_record_and_events_only_where_they_are_wanted(run: Any) -> None:
    """A record of a file lies nowhere on raw; many records are read by their facts alone."""
    shown = run("explain", "-p", "outreach", "-", stdin=PAGE).output
    assert '"provenance": {' in shown
    assert '"raw": {' not in shown
    brief = run("explain", "-p", "outreach", "--brief", "-", stdin=PAGE).output
    assert "  row      " in brief
    assert "{" not in brief


def test_a_lifted_value_that_does_not_fit_is_told(run: Any) -> None:
    """Check says what the places of an overlay take, explain which field stays where it was; the built-in code, too."""
    lift = 'lift = { amount = "value.amount", unit = "value.currency", about = "title" }'
    Path("acme.toml").write_text(f'[[row]]\ntable = "event"\ncode = "message_opened"\ntype = "email.opened"\n{lift}\n')
    Path("headrace.toml").write_text('[tenants.outreach.acme]\nmapping = "acme.toml"\n')
    assert run("check").output.splitlines()[-2:] == [
        "  message_opened: amount → value.amount takes a decimal number without separators or currency",
        "  message_opened: unit → value.currency takes a code of ISO 4217 such as EUR",
    ]
    page = json.loads(PAGE)
    page["data"][0]["attributes"]["payload"] = {"amount": "1,50,000.00", "unit": "inr", "about": "Roofs"}
    done = run("explain", "-p", "outreach", "-t", "acme", "-", stdin=json.dumps(page))
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if line.startswith("  lift")] == [
        "  lift     amount stays in fields: value.amount takes a decimal number without separators or currency"
    ]


def test_explain_refuses_what_it_does_not_know(run: Any) -> None:
    """An unknown provider, resource or file is a usage error that names what there is."""
    provider = run("explain", "-p", "outreech", "-", stdin=PAGE)
    resource = run("explain", "-p", "outreach", "-r", "evnt", "-", stdin=PAGE)
    file = run("explain", "-p", "outreach", "no.json")
    assert [done.exit_code for done in (provider, resource, file)] == [2, 2, 2]
    assert 'none of leadping, leadsquared, outreach; did you mean "outreach"?' in provider.output
    assert 'outreach has no "evnt"; did you mean "event"?; it has\n  event ' in resource.output
    assert "does not exist" in file.output


def test_ingest_wants_a_configured_tenant(run: Any) -> None:
    """Nothing is ingested for a tenant that is not configured: it would only become dead letters."""
    done = run("ingest", "-p", "outreach", "-t", "acme", "-", stdin=PAGE)
    assert done.exit_code == 1
    assert "add [tenants.outreach.acme] to headrace.toml" in done.output


@pytest.mark.parametrize(
    "words", [("tail",), ("tail", "--dead-letters"), ("redrive",), ("topics", "show"), ("taxonomy", "unmapped")]
)
def test_promise_8_kafka_away_is_one_sentence(run: Any, words: tuple[str, ...]) -> None:
    """Where no broker answers, the command ends with one sentence that says where it was looked for."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        server = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(*words, HEADRACE_KAFKA__BOOTSTRAP_SERVERS=server)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: Kafka does not answer at {server} (")
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_promise_8_a_broker_that_never_answers(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that takes connections and says nothing does not hold the command up beyond its deadline."""
    monkeypatch.setattr("headrace.cli._kafka_errors.ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        done = run("tail", HEADRACE_KAFKA__BOOTSTRAP_SERVERS=server)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: Kafka does not answer at {server} (TimeoutError): ")


def test_tail_refuses_what_makes_no_sense(run: Any) -> None:
    """A type that no event has, and a type for dead letters, are usage errors."""
    unknown = run("tail", "--type", "call.complete")
    assert unknown.exit_code == 2
    assert 'no event is called "call.complete"; did you mean "call.completed"?' in unknown.output
    assert run("tail", "--type", "call", "--dead-letters").exit_code == 2


def test_taxonomy_words(run: Any) -> None:
    """The closed words are listed with their meanings, all or only some."""
    only = run("taxonomy", "words", "direction").output
    assert only == "direction\n  inbound   from the lead\n  outbound  to the lead\n\n"
    assert "call.voicemail_left" in run("taxonomy", "words").output


def test_run_knows_its_roles(run: Any) -> None:
    """A role that does not exist is a usage error that names those that do."""
    done = run("run", "--role", "normaliser")
    assert done.exit_code == 2
    assert "'normalizer'" in done.output
