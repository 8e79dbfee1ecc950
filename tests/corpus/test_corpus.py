"""What the normalizer makes of a recorded corpus stays the same, byte for byte."""

from collections import Counter
from typing import Final

import pytest

from headrace.records.seen import TOTALS
from tests.corpus import recorded
from tests.corpus.outputs import Corpus
from tests.corpus.recorded import Block

LEAST_PUBLISHED: Final = 50_000
SHAPES: Final = {
    "leadping": "automation bundle call detail row rowless sms unreadable",
    "leadsquared": "automation-activity code-activity lead lead-activity lead-change modified-activity task task-change"
    " unreadable webhook-activity",
    "outreach": "event unreadable webhook",
}
FATES: Final = set(TOTALS) - {"lost"}  # of records that were never read
CODES: Final = {
    *("bad_shape", "bad_value", "malformed", "too_deep", "unknown_shape"),  # of translation
    *("foreign", "unnamed", "too_large", "mapping_missing", "unknown_tenant", "held_too_long", "other_event"),
}
AGAIN: Final = (
    "`python -m tests.corpus --show {first}` shows the first of them: with PYTHONPATH=OTHER/service:OTHER/schemas "
    "as another checkout makes it. After a wanted change: `python -m tests.corpus --record`."
)


@pytest.mark.slow
def test_outputs_stay_identical(request: pytest.FixtureRequest) -> None:
    """Keys, values and headers of events, letters and nudges, what is remembered, totals and decisions.

    `--update-samples` records them anew. A digest of a mapping stands in each event: a changed `mapping.toml`, or
    another overlay of the corpus, changes all lines.
    """
    found = list(recorded.blocks(Corpus().outputs()))
    check_that_all_is_in_it(found)
    if request.config.getoption("--update-samples"):
        recorded.write(found)
    known = recorded.read()
    other = [block for block in found if block.digest not in known[block.number : block.number + 1]]
    assert not other, _difference(other)
    assert len(found) == len(known), f"{len(known)} blocks are recorded: --record"


def check_that_all_is_in_it(found: list[Block]) -> None:
    """Hold the corpus to its purpose: all shapes, all fates, all problems, and enough of what is published."""
    shapes, fates, codes = Counter[str](), Counter[str](), Counter[str]()
    for block in found:
        shapes.update(block.shapes)
        fates.update(block.fates)
        codes.update(block.codes)
    expected = {f"{provider} {shape}" for provider, names in SHAPES.items() for shape in names.split()}
    missing = (expected - shapes.keys()) | (FATES - fates.keys()) | (CODES - codes.keys())
    assert not missing, f"the corpus has none of: {', '.join(sorted(missing))}"
    assert codes.keys() <= CODES, f"problems that nobody listed: {', '.join(sorted(codes.keys() - CODES))}"
    assert fates["published"] >= LEAST_PUBLISHED


def _difference(other: list[Block]) -> str:
    numbers = ", ".join(str(block.number) for block in other[:20]) + (" …" if len(other) > 20 else "")
    shapes = ", ".join(f"{count} {shape}" for shape, count in sorted(other[0].shapes.items()))
    first = AGAIN.format(first=other[0].number)
    return f"{len(other)} blocks differ: {numbers}. In block {other[0].number} stand {shapes}. {first}"
