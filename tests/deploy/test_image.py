"""The image, as far as its Dockerfile shows."""

import re
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

from headrace.config.settings import AdminSettings, ReceiverSettings
from headrace.observe import admin
from tests.deploy.files import DEPLOY, TOP

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
LET_IN = re.findall(r"^!(.+)$", (TOP / ".dockerignore").read_text("utf-8"), re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the versions in a file of requirements."""
    return dict(re.findall(r"^(\S+)==(\S+) \\$", (TOP / name).read_text("utf-8"), re.MULTILINE))


def closure(name: str) -> set[str]:
    """Return a package that is installed here, without its extras, and all that it needs."""
    found: set[str] = set()
    open_ = [name]
    while open_:
        found.add(one := canonical(open_.pop()))
        needed = [Requirement(line) for line in requires(one) or ()]
        needed = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
        open_ += [each.name for each in needed if canonical(each.name) not in found]
    return found


def test_both_stages_have_the_same_fixed_base() -> None:
    """What is built on one Python runs on the same one; a build may name it by its digest."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases == ["${BASE}", "${BASE}"]
    assert re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE.split("FROM")[0], re.MULTILINE) == ["python:3.11-slim"]


def test_its_libraries_are_pinned_by_hash() -> None:
    """All that the service needs, and what builds it, in the versions that everything was tested with, and no other."""
    pinned = pins("requirements-image.txt")
    assert pinned.keys() == closure("headrace") - {"headrace", "headrace-events"}
    assert pins("requirements-build.txt").keys() == closure("hatchling")
    tested = dict(re.findall(r"^([\w.-]+)==(\S+)$", (TOP / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    versions: dict[str, str] = {canonical(name): version for name, version in tested.items()}
    assert all(versions[name] == version for name, version in pinned.items())
    installs = re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_its_pins_name_no_index() -> None:
    """Whoever builds it takes the files from an index of their own: only the bytes are certain."""
    for name in ("requirements-image.txt", "requirements-build.txt"):
        text = (TOP / name).read_text("utf-8")
        assert re.fullmatch(r"(#.*\n)+(\S+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+\n)+", text)
        assert "//" not in text


def test_it_is_not_root() -> None:
    """The last user is a number other than 0, so that Kubernetes can verify it."""
    user = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[-1]
    assert user == ("10001", "10001")


def test_it_is_made_of_what_is_let_in() -> None:
    """Docker is sent what the image is made of, and nothing else of the work tree."""
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert sorted(sources) == sorted(LET_IN)
    assert all((TOP / source).exists() for source in sources)


def test_it_asks_for_its_health_where_that_is_served() -> None:
    """The health check and the open ports are those of the program's defaults."""
    ports = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0].split()
    assert ports == [str(ReceiverSettings().port), str(AdminSettings().port)]
    assert f"'HEADRACE_ADMIN__PORT', '{AdminSettings().port}'" in DOCKERFILE
    assert "/healthz/live" in DOCKERFILE
    assert "/healthz/live" in admin._INDEX
