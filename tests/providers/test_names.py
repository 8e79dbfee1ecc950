from pathlib import Path

import pytest

import headrace
from tests.providers.suite import HOMES, Home

SERVICE = Path(headrace.__file__).parent
BUILT_IN = [home for home in HOMES if home.folder.is_relative_to(SERVICE)]


@pytest.mark.parametrize("home", BUILT_IN, ids=lambda home: home.name)
def test_a_providers_name_occurs_nowhere_outside_its_folder(home: Home) -> None:
    """Whoever adds or removes a provider touches one folder of the program."""
    guilty = [
        f"{file.relative_to(SERVICE)}:{number}: {line.strip()}"
        for file in SERVICE.rglob("*")
        if file.is_file() and file.suffix not in {".pyc", ".so"} and not file.is_relative_to(home.folder)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if home.name in line.casefold()
    ]
    assert not guilty, "\n".join(guilty)


def test_no_provider_is_missing() -> None:
    """The suite found the folders of the program and the tutorial's."""
    assert BUILT_IN
    assert {"acme"} == {home.name for home in HOMES} - {home.name for home in BUILT_IN}
