"""Headrace beside peers on the same events: `python -m tests.peers --help`, or `make bench-peers`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.__main__ import running_kafka
from tests.kafka.find import find
from tests.peers import report
from tests.peers.compare import compared, ours_on
from tests.peers.contenders import CONTENDERS
from tests.peers.delay import FIRST, RATE, delay
from tests.peers.made import CannotMake
from tests.peers.report import Result, say
from tests.peers.stage import OURS, Failed, Load, Setting, Turn, invent

STARTING: Final = 0.25
"""Share of the records that is not measured: what it takes to start."""
WARMING: Final = 0.5
"""The same with `--warm`: a JVM compiles for a while."""


def main(arguments: Sequence[str] | None = None) -> list[Result]:
    """Run the contenders, print the tables, write RESULTS.md; return the results of the last table."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    with running_kafka(options.servers) as servers, tempfile.TemporaryDirectory(prefix="headrace-peers-") as home:
        kafka = f"Kafka at {servers}" if options.servers else find(Path(home)).broker.name
        setting = Setting(servers, options.partitions, options.codec)
        sections = []
        results = in_turns(setting, _results(options.only), options, Path(home))
        sections.append((_title(options, options.records, options.rounds, STARTING), report.table(results)))
        if options.warm:
            results = warm(setting, _results(options.warm_only), options, Path(home))
            sections.append((_title(options, options.warm_records, 1, WARMING), report.table(results)))
    for title, text in sections:
        say(f"\n{title}\n\n{text}")
    if not options.no_page:
        report.write_page(sections, kafka, arguments)
        say(f"\nwritten: {report.PAGE}")
    return results


def in_turns(setting: Setting, results: list[Result], options: argparse.Namespace, home: Path) -> list[Result]:
    """Measure all contenders in every round, each time another one first; then their latency, if that is wanted."""
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}: {options.records:,} raw records")
        _round(Turn(setting, invent(options.records, number + 1), home), in_order(results, number), STARTING)
    if options.latency:
        records = invent((FIRST + RATE * options.seconds) * 10 // 9, options.rounds + 1)
        for result in results:
            _delay(setting, result, records, home)
    return results


def warm(setting: Setting, results: list[Result], options: argparse.Namespace, home: Path) -> list[Result]:
    """Measure the late half of many records, once."""
    say(f"warm: {options.warm_records:,} raw records, of which the late half is measured")
    _round(Turn(setting, invent(options.warm_records, 99), home), results, WARMING)
    return results


def in_order(results: list[Result], number: int) -> list[Result]:
    """Return the results so that each round begins with another one."""
    first = number % len(results)
    return results[first:] + results[:first]


def _round(turn: Turn, results: list[Result], skipped: float) -> None:
    """Let one contender after the other do the work of a turn, and compare what they wrote."""
    for result in results:
        if result.missing:
            continue
        try:
            measured = turn.measure(result.contender, skipped)
        except (CannotMake, Failed) as reason:
            result.missing = str(reason)
            say(f"  {result.contender.name}: left out: {reason}")
            continue
        result.rounds.append(measured)
        speed, clock = measured.records / measured.cpu, measured.records / measured.wall
        say(f"  {result.contender.name}: {speed:,.0f} records/CPU s, {clock:,.0f} records/s")
    _compare(turn, results)
    turn.close()


def _compare(turn: Turn, results: list[Result]) -> None:
    """Compare what each wrote with what we wrote, if we did."""
    if any(result.contender is OURS and result.missing for result in results):
        return
    expected = ours_on(turn.setting.servers, turn.topic(OURS))
    say(f"  ours wrote {len(expected):,} events of {turn.events:,}")
    for result in results:
        if result.contender is not OURS and not result.missing:
            result.differences.append(compared(turn.setting.servers, turn.topic(result.contender), expected))
    say(
        "  outputs: "
        + ", ".join(f"{each.contender.name} {each.differences[-1]}" for each in results if each.differences)
    )


def _delay(setting: Setting, result: Result, records: Load, home: Path) -> None:
    if result.missing:
        return
    turn = Turn(setting, [], home)
    try:
        result.delay = delay(turn, result.contender, records)
        say(f"  {result.contender.name}: p50 {result.delay.p50:,.0f} ms, p99 {result.delay.p99:,.0f} ms")
    except Failed as reason:
        say(f"  {result.contender.name}: no latency: {reason}")
    turn.close()


def _results(names: Sequence[str]) -> list[Result]:
    """Return an empty result for each contender that is wanted; ours is what the others are compared with."""
    return [Result(each) for each in CONTENDERS if each is OURS or not names or each.out in names]


def _title(options: argparse.Namespace, records: int, rounds: int, skipped: float) -> str:
    if not rounds:
        return f"Latency alone: {options.partitions} partitions, {options.codec}"
    return (
        f"{records:,} raw records, {rounds} round{'s' * (rounds > 1)}, {options.partitions} partitions, "
        f"{options.codec}; measured after the first {skipped:.0%}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.peers", description="Headrace beside peers on the same events.")
    names = [each.out for each in CONTENDERS if each is not OURS]
    parser.add_argument("--records", type=int, default=200_000, help="raw records a round; default: %(default)s")
    parser.add_argument(
        "--rounds", type=int, default=3, help="turns of all contenders, 0 for latency alone; default: %(default)s"
    )
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="NAME", help="some peers: %(choices)s")
    parser.add_argument("--partitions", type=int, default=12, help="of every topic; default: %(default)s")
    parser.add_argument("--codec", default="zstd", help="that everybody compresses with; default: %(default)s")
    parser.add_argument("--warm", action="store_true", help="then measure the late half of many records, once")
    parser.add_argument("--warm-records", type=int, default=1_000_000, help="so many; default: %(default)s")
    parser.add_argument(
        "--warm-only",
        nargs="+",
        choices=names,
        default=["hand", "streams"],
        metavar="NAME",
        help="peers of --warm; default: hand streams",
    )
    parser.add_argument("--latency", action="store_true", help=f"then measure latency at {RATE} records a second")
    parser.add_argument("--seconds", type=int, default=20, help="of latency; default: %(default)s")
    parser.add_argument("--servers", help="address of a running Kafka; default: the one that tests would use")
    parser.add_argument("--no-page", action="store_true", help="leave RESULTS.md as it is")
    return parser


if __name__ == "__main__":
    main()
