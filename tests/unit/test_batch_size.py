import pytest

from headrace.normalizer.batch_size import FIRST_RECORDS, MOST_RECORDS, BatchSize


def test_a_start_is_careful_and_grows_fast() -> None:
    """The first batches are small; each commit doubles them, up to what a task takes at most."""
    size = BatchSize()
    sizes = [size.most]
    while size.most < MOST_RECORDS:
        size.written()
        sizes.append(size.most)
    assert sizes == [FIRST_RECORDS, 250, 500, 1_000, MOST_RECORDS]


@pytest.mark.parametrize("definite", [True, False])
def test_any_failure_halves_what_was_tried(definite: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    """Refused or not answered in time: the next try is half of what was in it, however much might have been."""
    size = BatchSize()
    tried = []
    records = 90
    while records > 1:
        size.failed(position=7, size=records, definite=definite)
        records = min(records, size.most)
        tried.append(records)
    assert tried == [45, 22, 11, 5, 2, 1]


def test_after_a_failure_batches_grow_slowly() -> None:
    """Else every other batch would be too large again."""
    size = BatchSize()
    size.failed(position=7, size=160, definite=False)
    sizes = []
    for _ in range(4):
        size.written()
        sizes.append(size.most)
    assert sizes == [90, 101, 113, 127]
    size.failed(position=8, size=1, definite=False)
    for _ in range(100):
        size.written()
    assert size.most == MOST_RECORDS


def test_the_one_record_that_is_refused_twice_is_unwritable() -> None:
    """It becomes a dead letter, whatever it says; an outage between the two changes nothing."""
    size = BatchSize()
    size.failed(position=7, size=1, definite=True)
    size.failed(position=7, size=1, definite=False)
    assert size.unwritable == -1
    size.failed(position=7, size=1, definite=True)
    assert (size.unwritable, size.most) == (7, 1)


@pytest.mark.parametrize(("position", "definite"), [(8, True), (7, False)])
def test_another_record_or_another_failure_is_no_second_refusal(position: int, definite: bool) -> None:  # noqa: FBT001  (as above)
    """Only the same record can be refused twice, and silence is no refusal."""
    size = BatchSize()
    size.failed(position=7, size=1, definite=True)
    size.failed(position=position, size=1, definite=definite)
    assert size.unwritable == -1
