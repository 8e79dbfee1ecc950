"""The package for consumers, as it is installed from a clone: beside it they need msgspec, and nothing else of ours."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path

import msgspec
import pytest

from headrace import __version__
from tests.deploy.files import TOP

SCHEMAS = TOP / "schemas"
GOLDEN = TOP / "tests/unit/golden.jsonl"
READ = """
import sys
import headrace_events
for line in open(sys.argv[1], "rb"):
    print(headrace_events.decode(line).word)
print(headrace_events.Type.CALL_COMPLETED.meaning)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install `schemas` into a folder of its own, as the README says."""
    folder = tmp_path_factory.mktemp("installed")
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target")
    subprocess.run((*command, folder, SCHEMAS), check=True, timeout=120)
    return folder


def test_it_reads_events_beside_msgspec_alone(installed: Path) -> None:
    """Where nothing but it and msgspec is installed, it decodes events and knows the words."""
    (installed / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    script = f"import sys; sys.path.append({str(installed)!r})\n{READ}"
    done = subprocess.run(
        (sys.executable, "-I", "-S", "-c", script, GOLDEN), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["call.unanswered", "message.received"]


def test_it_says_that_it_needs_msgspec_and_has_the_services_version(installed: Path) -> None:
    """Its only dependency is the one that the service names, and an event package is that of its release."""
    (found,) = installed.glob("*.dist-info")
    package = PathDistribution(found)
    service = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    (wanted,) = (each for each in service["dependencies"] if each.startswith("msgspec"))
    assert package.metadata["Name"] == "headrace-events"
    assert package.version == __version__
    (needed,) = package.requires or []
    assert sorted(re.split(r"[,<>=]+", needed)) == sorted(re.split(r"[,<>=]+", wanted))
    assert f"headrace-events=={__version__}" in service["dependencies"]
    assert package.metadata["License-Expression"] == service["license"]
    assert (installed / "headrace_events/py.typed").exists()


def test_nothing_is_promised_of_an_index() -> None:
    """Nothing is published: no page tells anybody to install it by its name alone."""
    folders = (TOP, TOP / "deploy", TOP / "service/docs")
    pages = [SCHEMAS / "README.md", *(page for folder in folders for page in folder.glob("*.md"))]
    assert len(pages) >= 5
    for page in pages:
        text = page.read_text("utf-8")
        assert not re.findall(r"pip install (?:-\S+ )*'?headrace", text), page
        assert set(re.findall(r"headrace(?:_events)?-([\d.]+)-py3", text)) <= {__version__}, page
