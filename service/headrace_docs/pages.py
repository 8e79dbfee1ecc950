"""The pages of the site: chapters in the order of the navigation, each page with its title, its path and its source.

A source is a file of the repository, or a function that returns Markdown made from the code. Nothing is written twice.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from headrace_docs.command_pages import command_page, taxonomy_page
from headrace_docs.configuration_page import configuration_page
from headrace_docs.problem_page import problem_page


class Page(NamedTuple):
    """A page: how the navigation calls it, where it stands on the site, and what it is made of."""

    title: str
    path: str
    source: str | Callable[[], str]


_PROVIDERS: Final = "service/headrace/providers"
_EXAMPLES: Final = "schemas/examples"

CHAPTERS: Final[dict[str, tuple[Page, ...]]] = {
    "Get started": (
        Page("Headrace", "index.md", "README.md"),
        Page("Get started", "get-started.md", "service/docs/get-started.md"),
    ),
    "Concepts": (
        Page("How it works", "concepts/index.md", "service/docs/concepts.md"),
        Page("Guarantees", "concepts/guarantees.md", "service/docs/guarantees.md"),
        Page("Polling", "concepts/polling.md", "service/docs/polling.md"),
        Page("Webhooks", "concepts/webhooks.md", "service/docs/webhooks.md"),
        Page("Memory", "concepts/memory.md", "service/docs/memory.md"),
    ),
    "Providers": (
        Page("LeadPing", "providers/leadping.md", f"{_PROVIDERS}/leadping/README.md"),
        Page("LeadSquared", "providers/leadsquared.md", f"{_PROVIDERS}/leadsquared/README.md"),
        Page("Outreach", "providers/outreach.md", f"{_PROVIDERS}/outreach/README.md"),
        Page("Map your own codes", "providers/map-your-codes.md", "service/docs/map-your-codes.md"),
        Page("Try it with eight codes", "providers/eight-codes.md", f"{_PROVIDERS}/leadsquared/example/README.md"),
        Page("What a mapping can say", "providers/mapping.md", "MAPPING.md"),
        Page("Add a provider", "providers/add-a-provider.md", "service/docs/add-a-provider.md"),
        Page("What a provider may use", "providers/sdk.md", "service/headrace/sdk/README.md"),
        Page("A provider as an example", "providers/tutorial.md", "tests/providers/tutorial/acme/README.md"),
    ),
    "Events": (
        Page("What is on the topic", "events/index.md", "schemas/README.md"),
        Page("Redaction", "events/redaction.md", "service/docs/redaction.md"),
        Page("Consumers as examples", "events/examples.md", f"{_EXAMPLES}/README.md"),
        Page("PostgreSQL", "events/postgresql.md", f"{_EXAMPLES}/postgresql/README.md"),
        Page("Kafka Streams", "events/kafka-streams.md", f"{_EXAMPLES}/kafka-streams/README.md"),
        Page("kafkajs", "events/kafkajs.md", f"{_EXAMPLES}/kafkajs/README.md"),
        Page("kcat", "events/kcat.md", f"{_EXAMPLES}/kcat/README.md"),
        Page("DuckDB", "events/duckdb.md", f"{_EXAMPLES}/duckdb/README.md"),
    ),
    "Operate": (
        Page("Configuration", "operate/configuration.md", "service/docs/configuration.md"),
        Page("Kafka with users and ACLs", "operate/kafka-access.md", "service/docs/kafka-access.md"),
        Page("Topics", "operate/topics.md", "service/docs/topics.md"),
        Page("Docker", "operate/docker.md", "deploy/README.md"),
        Page("Kubernetes", "operate/kubernetes.md", "deploy/KUBERNETES.md"),
        Page("Look at it", "operate/console.md", "service/docs/console.md"),
        Page("Observability", "operate/observability.md", "service/docs/observability.md"),
        Page("Runbook", "operate/runbook.md", "deploy/RUNBOOK.md"),
        Page("Security", "operate/security.md", "SECURITY.md"),
    ),
    "Reference": (
        Page("Commands", "reference/commands.md", command_page),
        Page("Configuration keys", "reference/configuration.md", configuration_page),
        Page("Metrics", "reference/metrics.md", "service/headrace/observe/METRICS.md"),
        Page("Problems", "reference/problems.md", problem_page),
        Page("Taxonomy and tables", "reference/taxonomy.md", taxonomy_page),
    ),
    "Develop": (
        Page("Contributing", "develop/contributing.md", "CONTRIBUTING.md"),
        Page("Decisions", "develop/decisions.md", "service/DECISIONS.md"),
        Page("Changelog", "develop/changelog.md", "CHANGELOG.md"),
        Page("Benchmarks", "develop/benchmarks.md", "tests/benchmarks/README.md"),
        Page("Where the time goes", "develop/profile.md", "tests/benchmarks/PROFILE.md"),
        Page("Beside other programs", "develop/peers.md", "tests/peers/README.md"),
        Page("Beside other programs: results", "develop/peers-results.md", "tests/peers/RESULTS.md"),
        Page("Staleness", "develop/staleness.md", "tests/staleness/README.md"),
        Page("Soak and overload", "develop/soak.md", "tests/soak/README.md"),
    ),
}


def every_page() -> Iterator[Page]:
    """Yield the pages of all chapters."""
    for pages in CHAPTERS.values():
        yield from pages
