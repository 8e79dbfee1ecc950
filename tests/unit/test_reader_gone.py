"""Commands whose reader goes (`headrace … | head -1`): they end without a word, and work and verdicts stay whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command import PROGRAM

DEADLINE = 60.0
OPENED = json.dumps({
    "type": "event",
    "id": 5,
    "attributes": {"name": "message_opened", "eventAt": "2026-08-08T09:00:00.000Z"},
    "relationships": {"prospect": {"data": {"type": "prospect", "id": 81}}},
})  # fmt: skip


@pytest.fixture
def environ() -> dict[str, str]:
    """Return an environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}


def without_reader() -> int:
    """Return the end of a pipe whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("explain", "--help"),
        ("taxonomy", "words"),
        ("check",),
    ],
    ids=" ".join,
)
def test_nobody_reads(tmp_path: Path, environ: dict[str, str], words: tuple[str, ...]) -> None:
    """What nobody reads is thrown away: nothing on standard error, exit code 0."""
    out = without_reader()
    done = subprocess.run(
        [PROGRAM, *words], stdout=out, stderr=subprocess.PIPE, cwd=tmp_path, env=environ, timeout=DEADLINE, check=False
    )
    os.close(out)
    assert (done.stderr, done.returncode) == (b"", 0)


def test_a_reader_that_has_enough(tmp_path: Path, environ: dict[str, str]) -> None:
    """`explain` of an endless input ends once its reader is gone."""
    words = [str(PROGRAM), "explain", "-p", "outreach", "--json", "-"]
    with (
        subprocess.Popen(["yes", OPENED], stdout=subprocess.PIPE) as endless,
        subprocess.Popen(
            words, stdin=endless.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environ
        ) as process,
    ):
        assert endless.stdout
        assert process.stdout
        assert process.stderr
        endless.stdout.close()
        assert json.loads(process.stdout.readline())["event"]["type"] == "headrace.email.opened.v1"
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_verdict_stays(tmp_path: Path, environ: dict[str, str], stream: str) -> None:
    """The exit code of `check` is the verdict, whoever reads its lines (`check 2>&1 | head -1`)."""
    (tmp_path / "headrace.toml").write_text("[kafka]\nnone = 1\nnor = 2\n")
    gone = without_reader()
    out, err = (gone if stream == name else subprocess.DEVNULL for name in ("stdout", "stderr"))
    process = subprocess.run(
        [PROGRAM, "check"], stdout=out, stderr=err, cwd=tmp_path, env=environ, timeout=DEADLINE, check=False
    )
    os.close(gone)
    assert process.returncode == 1


def test_what_a_library_writes_ends_no_work(environ: dict[str, str]) -> None:
    """A log line that nobody reads is no failure of Kafka's."""
    script = (
        "import structlog\nfrom headrace.cli._kafka_errors import silence_client\n"
        "silence_client()\nfor number in range(3): structlog.get_logger().warning('partition_moved', number=number)\n"
        "print('done')"
    )
    gone = without_reader()
    process = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=gone, env=environ, timeout=DEADLINE, check=False
    )
    os.close(gone)
    assert (process.stdout, process.returncode) == (b"done\n", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
@pytest.mark.parametrize(
    "words", [("taxonomy", "words"), ("--help",), ("check", "--help"), ("--version",)], ids=" ".join
)
def test_a_full_disk_is_said(tmp_path: Path, environ: dict[str, str], words: tuple[str, ...]) -> None:
    """Output that cannot be written for another reason is an error of one sentence."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environ,
            timeout=DEADLINE,
            check=False,
        )
    assert done.stderr == b"Error: standard output cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_nobody_reads_what_a_shell_completes_by(tmp_path: Path, environ: dict[str, str]) -> None:
    """The script for the completion of a shell goes without a word, too."""
    out = without_reader()
    done = subprocess.run(
        [PROGRAM],
        stdout=out,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environ | {"_HEADRACE_COMPLETE": "zsh_source"},
        timeout=DEADLINE,
        check=False,
    )
    os.close(out)
    assert (done.stderr, done.returncode) == (b"", 0)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["check", "--help", "explain -p outreach one.json", "taxonomy words"])
def test_closed_streams(tmp_path: Path, environ: dict[str, str], words: str, closed: str) -> None:
    """A stream that is closed takes everything, and no file of ours is opened under its number."""
    (tmp_path / "one.json").write_text(OPENED)
    command = ["sh", "-c", f'"$0" {words} {closed}', str(PROGRAM)]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environ, timeout=DEADLINE, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)
