from headrace.normalizer.batch_size import MOST_RECORDS, BatchSize


def test_a_batch_is_halved_when_it_is_refused_for_the_second_time() -> None:
    """Once may be chance; a second refusal at the same position counts the records of the first."""
    size = BatchSize()
    size.refused(position=7, size=100)
    assert size.most == MOST_RECORDS
    size.refused(position=7, size=300)
    assert size.most == 50


def test_a_refusal_elsewhere_or_of_fewer_records_begins_anew() -> None:
    """Only the same records can be refused twice."""
    size = BatchSize()
    size.refused(position=7, size=100)
    size.refused(position=8, size=100)
    size.refused(position=8, size=60)
    assert size.most == MOST_RECORDS
    size.refused(position=8, size=60)
    assert size.most == 30


def test_the_one_record_that_is_refused_twice_is_unwritable() -> None:
    """It becomes a dead letter, whatever it says."""
    size = BatchSize()
    for _ in range(2):
        assert size.unwritable == -1
        size.refused(position=7, size=1)
    assert (size.unwritable, size.most) == (7, 1)


def test_a_commit_lets_the_batch_grow_again() -> None:
    """It doubles up to what a task takes at most."""
    size = BatchSize()
    size.most = 700
    size.written()
    assert size.most == 1_400
    size.written()
    assert size.most == MOST_RECORDS
