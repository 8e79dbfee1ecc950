"""Apicurio Registry on the local JVM: it comes through Maven, and keeps everything in memory."""

import hashlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from headrace_demo.process import Child
from tests.contract.node_packages import BUILD, one_at_a_time, unavailable
from tests.kafka.ports import HOST, free_port

_POM: Final = Path(__file__).with_name("pom.xml")
_MAVEN_WITHIN: Final = 600.0
_STARTS_WITHIN: Final = 90.0
_STOPS_WITHIN: Final = 30.0
_OPTIONS: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@contextmanager
def running_registry(home: Path) -> Iterator[str]:
    """Run a registry in a folder of its own and yield the URL of its Confluent API. Skips where it cannot be had."""
    jar, port = _fetched(), free_port()
    settings = (f"-Dquarkus.http.port={port}", f"-Dquarkus.http.host={HOST}", "-Dapicurio.storage.kind=sql")
    log = home / "registry.log"
    child = Child(("java", *_OPTIONS, *settings, "-jar", jar), log=log, cwd=home)
    try:
        url = f"http://{HOST}:{port}/apis/ccompat/v7"
        _wait_until_serves(url, child, log)
        yield url
    finally:
        child.terminate(_STOPS_WITHIN)


def _wait_until_serves(url: str, child: Child, log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until and child.runs:
        try:
            with urllib.request.urlopen(f"{url}/subjects", timeout=5) as answer:  # noqa: S310  (ours, on loopback)
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise TimeoutError(f"the registry does not serve: {log.read_text(errors='replace')[-2000:]}")


def _fetched() -> Path:
    """Return the jar to run, fetched once for each state of pom.xml."""
    folder = BUILD / f"apicurio-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}"
    with one_at_a_time(folder.with_suffix(".lock")):
        if not folder.exists():
            _fetch(folder)
    (jar,) = folder.glob("*-runner.jar")
    return jar


def _fetch(folder: Path) -> None:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        unavailable("there is no Java with Maven")
    with tempfile.TemporaryDirectory(dir=BUILD) as fetching:
        unpacked = Path(fetching) / "unpacked"
        goal = ("dependency:unpack", f"-DoutputDirectory={unpacked}", f"-Dnotes={fetching}/notes")
        command = ("mvn", "-B", "-q", "-Dstyle.color=never", "-f", str(_POM), *goal)
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MAVEN_WITHIN, check=False)
        if done.returncode:
            unavailable(f"mvn failed: {(done.stdout.strip() or 'no word why').splitlines()[0]}")
        unpacked.rename(folder)
