"""The parts of `make profile` that no process is needed for."""

import re
from pathlib import Path

from tests.profiling.flame import svg
from tests.profiling.page import shares, write
from tests.profiling.roles import Sampled
from tests.profiling.steps import OTHER, read, step_of

RUN = "<module> (worker.py:9);run (asyncio/runners.py:190);_Batch.commit (headrace/normalizer/decide.py:84);"
TEXT = f"""{RUN}translate (headrace/normalizer/decode.py:97);draft (headrace/providers/outreach/events.py:40) 60
{RUN}_Batch.event (headrace/normalizer/decide.py:190);encode_event (headrace/records/event.py:70) 30
<module> (worker.py:9);run (asyncio/runners.py:190);compress (cramjam.py:1);append (aiokafka/producer/producer.py:5) 9
<module> (worker.py:9);_find_and_load (<frozen importlib._bootstrap>:1176) 500
<module> (worker.py:9) 1
"""


def test_a_stack_belongs_to_its_innermost_known_step() -> None:
    """What translation calls is translation; what no rule knows is named by whose machinery it is, or not at all."""
    steps = read(TEXT).steps
    assert steps == {"translate outreach": 60, "encode": 30, "producer": 9, OTHER: 1}
    assert step_of(("run (asyncio/runners.py)", "canonical (headrace/core/timestamps.py)")) == "event loop"


def test_the_start_is_no_part_of_the_load() -> None:
    """Imports are left out, and small steps stand together as the rest."""
    samples = read(TEXT.replace(" 1\n", " 1\n" + "x (y.py:1) 1\n", 1))
    assert [step for step, _ in shares(samples)][:3] == ["translate outreach", "encode", "producer"]
    assert round(sum(share for _, share in shares(samples)), 9) == 1


def test_a_flame_graph_is_small() -> None:
    """Boxes are as wide as their share; what nobody could read is left out; names are escaped."""
    stacks = read(TEXT).stacks
    stacks["<lambda> (a&b.py)",] = 10
    stacks.update({(f"rare{number} (x.py)",): 0 for number in range(1_000)})
    text = svg("normalizer: <100 µs", stacks)
    assert 5 < text.count("<rect") < 30
    assert len(text) < 20_000
    assert "&lt;lambda&gt; (a&amp;b.py)" in text


def test_the_page_says_what_it_was_measured_on(tmp_path: Path) -> None:
    """Date, cores and load beside a table for each role, with a link to its graph."""
    text = write({"normalizer": Sampled(TEXT, 1_000, "record", 0.3)}, tmp_path)
    assert (tmp_path / "PROFILE.md").read_text("utf-8") == text
    assert re.search(r"\d{4}-\d\d-\d\d .* cores, load \d", text)
    assert "1,000 records, 50.0 µs of CPU each" in text
    assert "| translate outreach | 60.0% | 30.0 |" in text
    assert "(profile-normalizer.svg)" in text
    assert (tmp_path / "profile-normalizer.svg").exists()
