"""The changelog: whoever reads a release finds it there, below what comes next."""

import re

from headrace import __version__
from tests.deploy.files import TOP


def test_the_version_has_a_dated_heading_below_what_is_unreleased() -> None:
    """A version that is raised needs its heading in the same change."""
    headings = re.findall(r"^## (.+)$", (TOP / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d", headings[1])
