"""The JSON Schema of headrace.toml: made from the structs, and true of every configuration that there is."""

import asyncio
import tomllib
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from headrace.cli._starter_file import starter
from headrace.config.json_schema import config_schema, encoded
from headrace.providers.discover import discover
from headrace_demo import configuration
from headrace_demo.polled_platforms import PolledPlatforms

TOP = Path(__file__).parents[2]
FILE = TOP / "schemas/headrace.toml.schema.json"
CONFIGURATIONS = sorted(
    path
    for folder in ("base", "compose", "overlays")
    for path in (TOP / "deploy" / folder).rglob("*.toml")
    if path.parent.name != "mappings"
)


def faults(text: str) -> list[str]:
    """Return where the schema says no."""
    judge = jsonschema.Draft202012Validator(config_schema())
    return [error.json_path for error in judge.iter_errors(tomllib.loads(text))]


def test_the_file_is_made_from_the_structs() -> None:
    """It is not edited by hand: `make schemas` writes it."""
    assert FILE.read_bytes() == encoded()
    jsonschema.Draft202012Validator.check_schema(config_schema())


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: str(path.relative_to(TOP)))
def test_configurations_of_deployments_are_valid(path: Path) -> None:
    """Those of the base, of overlays and of Docker Compose."""
    assert faults(path.read_text("utf-8")) == []


def test_the_starter_is_valid() -> None:
    """What `headrace init` writes has only keys and values that the schema knows, but for secrets to be filled in."""
    assert faults(starter(list(discover().values()), "main")) == []


def test_pages_show_valid_configurations() -> None:
    """The file in Configuration, and the table in Redaction."""
    for page, first in (("configuration.md", "topic_prefix"), ("redaction.md", "[tenants.")):
        text = (TOP / "service/docs" / page).read_text("utf-8")
        shown = first + text.split(f"```toml\n{first}")[1].split("\n```")[0]
        assert faults(shown) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[kafka]\nbootstrap = 'a:1'", "$.kafka"),
        ("[dedupe]\nwindow = 30", "$.dedupe.window"),
        ("[spool]\nmax_bytes = '4GB'", "$.spool.max_bytes"),
        ("[receiver]\nport = 70000", "$.receiver.port"),
        ("[tenants.leadsqared.acme]", "$.tenants"),
        ("[tenants.leadsquared.Acme]", "$.tenants.leadsquared"),
        ("[tenants.leadsquared.acme]\nkeys_in = 'body'", "$.tenants.leadsquared.acme.keys_in"),
        ("[tenants.outreach.acme.budget]\nper_minute = 1", "$.tenants.outreach.acme.budget"),
    ],
)
def test_slips_are_found(text: str, place: str) -> None:
    """Unknown keys, providers and words, names that no tenant can have, and values of another form."""
    assert faults(text) == [place]


@pytest.mark.parametrize("redact", ["['text']", "{ drop = ['text'], hash = ['parties'] }"])
def test_redact_is_a_list_or_a_table(redact: str) -> None:
    """Either is what the reader takes."""
    assert faults(f"[tenants.outreach.acme]\nredact = {redact}") == []


async def test_the_demo_is_valid(tmp_path: Path) -> None:
    """The configuration that the demo writes, with a polled tenant of each provider."""
    async with PolledPlatforms() as polled:
        file = configuration.write(tmp_path, "127.0.0.1:9092", configuration.Ports(8080, 9464, 9465), polled)
        assert faults(await asyncio.to_thread(file.read_text)) == []
