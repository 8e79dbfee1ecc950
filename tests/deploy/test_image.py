"""The image, as far as its Dockerfile shows."""

import re

from headrace.config.settings import AdminSettings, ReceiverSettings
from headrace.observe import admin
from tests.deploy.files import DEPLOY, TOP

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
LET_IN = re.findall(r"^!(.+)$", (TOP / ".dockerignore").read_text("utf-8"), re.MULTILINE)


def test_both_stages_have_the_same_fixed_base() -> None:
    """What is built on one Python runs on the same one."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases == ["python:3.11-slim", "python:3.11-slim"]


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
