"""Decode, kind by kind: name and translate, against the bare decoding of the same bytes into the same Struct."""

from collections.abc import Iterator

from tests.benchmarks import load
from tests.benchmarks.limits import prepared
from tests.benchmarks.measure import exhaust, in_turns, micros
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row


def rows(sizes: Sizes) -> Iterator[Row]:
    """Compare every kind of the load; there is no target for one kind alone."""
    tenants = load.tenants()
    for kind, limit in zip(load.MIX, prepared(), strict=True):
        raws = load.raw_events(kind, sizes.decoded)
        account = tenants.get(raws[0].provider, raws[0].tenant)
        if account is None:
            raise LookupError(f"no tenant for {kind}")
        provider, mapping, decode = account.provider, account.mapping, limit.decode
        contenders = (
            lambda: micros(lambda: exhaust(map(provider.identity, raws)), len(raws)),
            lambda: micros(lambda: exhaust(provider.translate(raw, mapping) for raw in raws), len(raws)),
            lambda: micros(lambda: exhaust(decode(raw.value) for raw in raws), len(raws)),
        )
        named, translated, bare = in_turns(contenders, sizes.rounds * 3)
        yield Row(
            f"decode {kind[0]} {kind[1]}",
            f"{named:.1f} + {translated:.1f} µs = {1e6 / (named + translated):,.0f}/s",
            f"{bare:.1f} µs = {1e6 / bare:,.0f}/s",
            f"{bare / (named + translated):.2f}",
        )
