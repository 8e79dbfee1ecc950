"""A provider is a template: who knows one folder knows them all."""

import pytest

from headrace.sdk.feed import Polled
from headrace.sdk.hooks import Hooked
from headrace.sdk.probe import ShowsAccess
from tests.providers.suite import HOMES, Home, provider_of

TEMPLATE = {
    *("__init__.py", "wire.py", "cut.py", "identity.py", "mapping.toml", "translate", "webhook.py"),
    *("README.md", "samples"),
}
POLLED = {"nudge.py", "settings.py", "client.py", "pager.py", "feeds.py"}
"""The files of a provider that polls."""
HOOKED = {"hooks.py"}
"""Of a provider that says how its webhooks are registered."""
PROBED = {"probe.py"}
"""Of a provider whose credentials can be tried."""


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_the_same_files_are_in_every_folder(home: Home) -> None:
    """Each folder has the files of the template; the first lines of its README name those that it has beside them."""
    polls = isinstance(provider_of(home), Polled)
    files = {path.name for path in home.folder.iterdir()} - {"__pycache__"}
    assert not (TEMPLATE | POLLED if polls else TEMPLATE) - files
    first_lines = (home.folder / "README.md").read_text("utf-8").partition("\n## ")[0]
    assert (files >= HOOKED) == isinstance(provider_of(home), Hooked)
    assert (files >= PROBED) == isinstance(provider_of(home), ShowsAccess)
    assert not [name for name in files - TEMPLATE - POLLED - HOOKED - PROBED if f"`{name}`" not in first_lines]
