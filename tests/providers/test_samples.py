import json
from pathlib import Path

import pytest

from tests.providers import suite
from tests.providers.suite import HOMES, Home

SAMPLES = [
    pytest.param(home, sample, id=f"{home.name}/{sample.name}") for home in HOMES for sample in suite.samples(home)
]


@pytest.mark.parametrize(("home", "sample"), SAMPLES)
def test_a_sample_becomes_what_is_expected(home: Home, sample: Path, request: pytest.FixtureRequest) -> None:
    """A body becomes the events, the dropped records and the problems that stand beside it."""
    found = [suite.expectation(suite.explained(home, piece)) for piece in suite.pieces(home, sample)]
    expected = suite.beside(sample, ".expected.json")
    if request.config.getoption("update_samples"):
        expected.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    assert expected.exists(), f"{expected.name} is missing: run pytest --update-samples and read what it wrote"
    assert found == json.loads(expected.read_text("utf-8"))


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_every_row_of_the_table_is_met_by_a_sample(home: Home) -> None:
    """Each row of the built-in table decided at least one record of a sample; the one that did not is named."""
    met = {found.row for found in suite.explanations(home)}
    missing = [row.label for row in suite.mapping_of(home).rows() if row.label not in met]
    assert not missing, f"no sample of {home.name} meets these rows of its mapping.toml: {', '.join(missing)}"


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_labels_are_unique(home: Home) -> None:
    """A label names one row, so that an event's provenance does."""
    labels = [row.label for row in suite.mapping_of(home).rows()]
    assert sorted(set(labels)) == sorted(labels)


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_no_expectation_is_left_over(home: Home) -> None:
    """Expected files and headers belong to a sample that exists."""
    bodies = {sample.stem for sample in suite.samples(home)}
    folder = home.folder / "samples"
    beside = {f.name.removesuffix(suffix) for suffix in suite.SECRETIVE for f in folder.glob(f"*{suffix}")}
    assert not beside - bodies


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_a_provider_says_what_the_contract_asks(home: Home) -> None:
    """Its name is its folder's, every identity names a declared resource, and it has a README and a kit."""
    provider = suite.provider_of(home)
    assert provider.name == home.name
    assert (home.folder / "README.md").exists()
    assert isinstance(suite.kit_of(home).settings, provider.Settings)
    named = {found.identity.resource for found in suite.explanations(home) if found.identity is not None}
    assert named <= set(provider.resources)
