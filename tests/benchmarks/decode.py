"""Decode, kind by kind: identity and translate, against the bare decoding of the same bytes into the same Struct."""

from collections.abc import Callable, Iterator, Sequence

from headrace.config.tenants import Account
from headrace.sdk.provider import RawEvent
from tests.benchmarks import load
from tests.benchmarks.baseline import Prepared, prepared
from tests.benchmarks.measure import exhaust, in_turns, micros
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row


def rows(sizes: Sizes) -> Iterator[Row]:
    """Compare every kind of the load; there is no target for one kind alone."""
    for kind, limit in zip(load.MIX, prepared(), strict=True):
        raws = load.raw_events(kind, sizes.decoded)
        account = load.tenants().by_source[raws[0].source]
        named, translated, bare = in_turns(_contenders(raws, account, limit), sizes.rounds * 3)
        yield Row(
            f"decode {kind[0]} {kind[1]}",
            f"{named:.1f} + {translated:.1f} µs = {1e6 / (named + translated):,.0f}/s",
            f"{bare:.1f} µs = {1e6 / bare:,.0f}/s",
            f"{bare / (named + translated):.2f}",
        )


def _contenders(raws: Sequence[RawEvent], account: Account, limit: Prepared) -> list[Callable[[], float]]:
    """Return what is measured: identity, translate, and the bare decoding."""
    provider, mapping = account.provider, account.mapping
    works: list[Callable[[], object]] = [
        lambda: exhaust(map(provider.identity, raws)),
        lambda: exhaust(provider.translate(raw, mapping) for raw in raws),
        lambda: exhaust(limit.decode(raw.value) for raw in raws),
    ]
    return [lambda work=work: micros(work, len(raws)) for work in works]  # type: ignore[misc]  # bound now, not later
