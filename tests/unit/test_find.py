"""What became of an id: worked out as the normalizer decided, and what the command line may ask for."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, strategies as st

from headrace.cli import main
from headrace.cli._event_changes import changes
from headrace.cli._find_query import SoughtId, canonical, sought_by_event_id
from headrace.cli._find_scan import Trails, _take_mark, _wanted_events
from headrace.cli._id_trail import UNSEEN, IdTrail
from headrace.config import Config
from headrace.config.tenants import Account, Tenants
from headrace.normalizer.held import NEVER, give_back
from headrace.providers.discover import discover
from headrace.records.raw import to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via
from tests.fake_provider import FAKE, OTHER_TABLE, TABLE, account, mapping_of, tenants, thing
from tests.unit.partition import LIMITS, Partition, Raw, partition

ALL = list(discover().values())
NO_ROWS = mapping_of()
A = SoughtId("/things/acme", "thing", "a")
COPIES = st.lists(
    st.builds(
        thing,
        st.just("a"),
        st.integers(1, 3),
        st.sampled_from(["x", "y"]),
        shape=st.sampled_from(["row", "detail", "hook", "fact"]),
        do=st.sampled_from(["", "", "", "noop", "bad"]),
    ),
    min_size=1,
    max_size=8,
)


def through(here: Partition, raws: Sequence[RawEvent]) -> tuple[list[Raw], list[bytes]]:
    """Decide on each raw event as a batch of its own; return the raw records and the seen records."""
    records: list[Raw] = []
    commits: list[bytes] = []
    for raw in raws:
        records += here.records([to_raw_record(FAKE, raw)])
        commits.append(here.decide(records[-1:]).seen_value)
    return records, commits


@pytest.mark.parametrize("polling", [False, True])
@given(raws=COPIES, since=st.integers(0, 7))
def test_fates_are_worked_out_as_they_were_decided(polling: bool, raws: list[RawEvent], since: int) -> None:  # noqa: FBT001  (a parameter)
    """Wherever one begins to read, every copy has the fate that the normalizer gave it."""
    here = partition(polling=polling)
    records, commits = through(here, raws)
    trails = Trails({A.key: A}, here.tenants, LIMITS)
    for commit in commits:
        if A.key in commit:
            _take_mark(commit, A.key, trails)
    trail = trails.of(A.key)
    assert trail is not None
    for record in records[since:]:
        trail.take_copy(record)
    for number, event in enumerate(here.events):
        trail.take_event(f"0@{number}", event, 100)
    for number, letter in enumerate(here.letters):
        trail.take_letter(f"3@{number}", letter)
    trail.position = len(records)
    trail.settle()
    pairs = zip(trail.copies, here.fates[since:], strict=True)
    # A letter's own mark is under another digest: its copy alone, without the letter, is taken for a letter to come.
    assert all(copy.fate == fate or (copy.fate, copy.derived) == (UNSEEN, "dead") for copy, fate in pairs)


def test_what_no_topic_holds_is_not_called_published() -> None:
    """Where a copy would be published today and no event names it, that is what is shown."""
    here = partition()
    records, _ = through(here, [thing(v=1), thing(v=2, text="x"), thing(v=2, text="x", shape="hook", via=Via.WEBHOOK)])
    trail = IdTrail(A, here.tenants, LIMITS)
    for record in records:
        trail.take_copy(record)
    trail.take_event("0@0", here.events[1], 100)
    trail.position = 2
    trail.settle()
    assert [(copy.fate, copy.basis) for copy in trail.copies] == [
        (UNSEEN, "derived"), ("published", "events"), ("waits", "position"),
    ]  # fmt: skip
    assert trail.subjects == {"lead/a"}


def test_the_tables_of_today_are_shown_beside_those_of_then() -> None:
    """An event keeps its type; the copy says what it would be today."""
    here = partition()
    records, _ = through(here, [thing(v=1)])
    trail = IdTrail(A, tenants(OTHER_TABLE), LIMITS)
    trail.take_copy(records[0])
    assert (here.events[0].word, trail.copies[0].type) == ("call.completed", "call.logged")


def test_a_damaged_copy_is_a_copy() -> None:
    """What another program wrote under the key of an id is shown, and hides no other copy."""
    here = partition()
    records, _ = through(here, [thing(v=1), thing(v=2)])
    trail = IdTrail(A, here.tenants, LIMITS)
    trail.take_copy(records[0]._replace(headers=[]))
    trail.take_copy(records[1])
    assert [(copy.shape, copy.derived) for copy in trail.copies] == [("damaged", "dead"), ("row", "published")]
    assert trail.copies[0].problem is not None


def test_a_thousand_copies_stay_and_the_others_are_counted() -> None:
    """Memory is bounded whatever a platform repeats."""
    here = partition()
    records, _ = through(here, [thing(v=1)])
    trail = IdTrail(A, tenants(TABLE), LIMITS)
    for offset in range(1_200):
        trail.take_copy(records[0]._replace(offset=offset))
    for number in range(300):
        trail.take_event(f"0@{number}", here.events[0], 1_000_000)
    assert (len(trail.copies), trail.copies[0].offset, trail.counts["copies"]) == (1_000, 200, 1_200)
    assert (len(trail.events), trail.counts["events"]) == (16, 300)


def test_changes_name_what_differs_by_its_path() -> None:
    """Where it came from and when it was published is no change."""
    here = partition()
    through(here, [thing(v=1, text="x"), thing(v=2, text="y", code="150")])
    assert changes(*here.events) == {
        "data.native.code": ("call", "150"),
        "data.text": ("x", "y"),
        "type": ("headrace.call.completed.v1", "headrace.custom.logged.v1"),
    }


@pytest.mark.parametrize(
    ("event_id", "is_its"),
    [
        ("thing/a", True),
        ("thing/a/12", True),
        ("thing/a/12-0badcafe", True),
        ("thing/a/0badcafe", True),
        ("thing/a/12~0b6d3e58", True),
        ("thing/ab", False),
        ("thing/a/created", False),
        ("other/a", False),
    ],
)
def test_an_id_knows_its_versions(event_id: str, *, is_its: bool) -> None:
    """Ids that only begin alike are others."""
    assert A.is_of(event_id) is is_its


def test_the_last_part_of_an_id_may_be_its_version_or_its_own() -> None:
    """Both are looked for, in all tenants that have the resource; a mapping behind it is none of its business."""
    config = Config(tenants=Tenants([Account(provider, "acme", provider.Settings(), NO_ROWS) for provider in ALL]))
    found = sought_by_event_id(config, "call/c-2207/1790841845~0b6d3e58", None, None)
    assert {(one.id, one.version) for one in found} == {("c-2207/1790841845", ""), ("c-2207", "1790841845")}
    having = [provider for provider in ALL if "call" in provider.resources]
    assert sorted({one.source for one in found}) == sorted(f"/{provider.name}/acme" for provider in having)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "name one of --id, --native and --lead"),
        (("--id", "call/1", "--lead", "2"), "name one of --id, --native and --lead"),
        (("--native", "1"), "--native needs -p"),
        (("--id", "call/4f7a…c1b"), "this id is shortened"),
        (("--id", "call/1", "-t", "nobody"), 'no tenant "nobody" is configured'),
        (("--id", "call"), "is no id such as call/c-2207"),
        (("--id", "cal/1"), 'did you mean "call"'),
        (("--source", "acme", "--id", "call/1"), "is no source such as /PROVIDER/TENANT"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, words: tuple[str, ...], error: str) -> None:
    """One sentence, and the exit code of a wrong call."""
    file = tmp_path / "headrace.toml"
    file.write_text("".join(f"[tenants.{provider.name}.acme]\n" for provider in ALL))
    done = CliRunner().invoke(main, ["find", "-c", str(file), *words])
    assert (done.exit_code, error in done.output.replace("\n", " ")) == (2, True)


def test_guids_are_looked_for_in_lower_case() -> None:
    """As they are remembered; nothing else is changed."""
    assert canonical("4F7A01E2-0000-4000-8000-00000000AB1C") == "4f7a01e2-0000-4000-8000-00000000ab1c"
    assert canonical("Call-7") == "Call-7"


def trail_of(records: Sequence[Raw], here: Partition) -> IdTrail:
    """Return what became of copies, as the partition's tenants of now, what it holds and its events tell."""
    trail = IdTrail(A, here.tenants.unpaused(), LIMITS, here.seen.held)
    for record in records:
        trail.take_copy(record)
    for number, event in enumerate(here.events):
        trail.take_event(f"0@{number}", event, 100)
    trail.position = len(records)
    trail.settle()
    return trail


PAUSED = Tenants([account("acme", paused=True)])


def test_a_record_that_was_held_is_said_to_be() -> None:
    """While its tenant is paused by what `seen` holds, and afterwards by the copy that went back."""
    here = partition()
    here.tenants = PAUSED
    records, _ = through(here, [thing("a", 1)])
    (copy,) = trail_of(records, here).copies
    assert (copy.fate, copy.basis, copy.problem) == ("held", "range", None)
    here.tenants = tenants()
    back = give_back(here.seen.held, {"/things/acme": NEVER}, records, 1, partition=3, limit=LIMITS.raw_bytes)
    records += here.records(back.copies)
    here.decide(records[1:])
    copies = trail_of(records, here).copies
    assert [(copy.fate, copy.how) for copy in copies] == [("held", []), ("published", ["returned, held at 3@0"])]


def test_a_pause_says_nothing_about_what_was_decided_before() -> None:
    """What was published of a tenant that is paused now is found with its lead, as what it was."""
    here = partition()
    records, _ = through(here, [thing("a", 1, "x"), thing("a", 1, "x"), thing("a", 2, "y")])
    here.tenants = PAUSED
    more, _ = through(here, [thing("a", 3, "z")])
    trail = trail_of([*records, *more], here)
    assert [copy.fate for copy in trail.copies] == ["published", "duplicate", "published", "held"]
    assert (trail.subjects, {copy.type for copy in trail.copies}) == ({"lead/a"}, {"call.completed"})


def test_events_of_a_tenant_that_is_configured_no_more_are_looked_for_everywhere() -> None:
    """No copy can be read, so none tells the lead; a copy whose event is not found is not called held."""
    here = partition()
    records, _ = through(here, [thing("a", 1)])
    trails = Trails({A.key: A}, Tenants([]), LIMITS)
    trail = trails.of(A.key)
    assert trail is not None
    trail.take_copy(records[0])
    trail.position = 1
    trail.settle()
    assert (trail.copies[0].fate, trail.subjects) == (UNSEEN, set())
    assert _wanted_events({3: trails}, everywhere=False) == ({}, {b"/things/acme": [A]})
    trail.take_event("0@0", here.events[0], 100)
    trail.settle()
    assert (trail.copies[0].fate, trail.subjects) == ("published", {"lead/a"})
    assert _wanted_events({3: trails}, everywhere=False)[0].keys() == {b"/things/acme/lead/a"}


def test_a_copy_whose_event_is_not_shown_is_published_all_the_same() -> None:
    """Only so many versions and letters are shown; what became of each copy that is shown is known."""
    here = partition()
    raws = [thing("a", version, f"x{version}", do="bad" if version % 3 == 0 else "") for version in range(1, 701)]
    records, _ = through(here, raws)
    trail = IdTrail(A, here.tenants, LIMITS)
    for record in records:
        trail.take_copy(record)
    for number, event in enumerate(here.events):
        trail.take_event(f"0@{number}", event, 100)
    for number, letter in enumerate(here.letters):
        trail.take_letter(f"3@{number}", letter)
    trail.position = len(records)
    trail.settle()
    assert [copy.fate for copy in trail.copies] == here.fates
    assert len(trail.events) == len(trail.letters) == 200


def test_an_id_without_a_trace_takes_no_memory() -> None:
    """Without a tenant, thousands of them are looked for."""
    trails = Trails({A.key: A}, tenants(), LIMITS)
    assert trails.of(b"another digest..") is None
    assert trails.found == {}
    assert _wanted_events({3: trails}, everywhere=False) == ({}, {})
    assert _wanted_events({3: trails}, everywhere=True) == ({}, {b"/things/acme": [A]})
