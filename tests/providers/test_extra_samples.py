"""`HEADRACE_EXTRA_SAMPLES` names a folder with one folder a provider: each payload in it must be understood."""

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from headrace.explain import explain
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT
from tests.providers.suite import HOMES, Home

VARIABLE = "HEADRACE_EXTRA_SAMPLES"


def extra() -> Iterator[tuple[Home, Path, str]]:
    """Return every file of every provider in the folder, and its path inside the provider's."""
    root = os.environ.get(VARIABLE)
    for home in HOMES if root else ():
        folder = Path(root or "") / home.name
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                yield home, file, file.relative_to(folder).as_posix()


FILES = [pytest.param(home, file, name, id=f"{home.name}/{name}") for home, file, name in extra()]


@pytest.mark.skipif(not FILES, reason=f"{VARIABLE} names no folder with samples")
@pytest.mark.parametrize(("home", "file", "name"), FILES)
def test_an_extra_sample_is_understood(home: Home, file: Path, name: str) -> None:
    """A payload that others have seen goes through `explain` without a problem."""
    patterns = [pattern for pattern in suite.kit_of(home).not_payloads if fnmatch(name, pattern)]
    found = list(explain(suite.provider_of(home), TENANT, suite.mapping_of(home), file.read_bytes(), now=RECEIVED))
    problems = [str(each.problem) for each in found if each.problem is not None]
    if patterns:
        # Listed as no payload: it must not become an event by accident either.
        assert all(each.event is None for each in found), f"{name} is understood: strike {patterns} from the kit"
        return
    assert found, "nothing was cut from it"
    assert not problems
