import json

import pytest

from headrace.core.mapping import UNMAPPED
from headrace.core.mapping_file import build
from headrace.providers.outreach import facts, provider
from headrace.providers.outreach.translate.events import CUSTOM, find
from tests.providers.outreach.kit import FOLDER, entries

MAPPING = build(entries())
ENTRIES = {(entry.table, code): entry for entry in MAPPING.entries for code in entry.codes}
NAMES = [code for table, code in ENTRIES if table == "event" and code != CUSTOM]

OFFERED = {
    "account": "created updated destroyed",
    "call": "created updated destroyed",
    "emailAddress": "created updated destroyed",
    "import": "created finished",
    "install": "created deleted",
    "kaiaRecording": "created",
    "mailing": "created updated destroyed bounced delivered opened replied",
    "opportunity": "created updated destroyed",
    "opportunityProspectRole": "created updated destroyed",
    "prospect": "created updated destroyed",
    "sequence": "created updated destroyed",
    "sequenceState": "created updated destroyed advanced finished",
    "task": "created updated destroyed completed",
    "user": "created updated",
}


def test_every_known_name_has_a_row_of_its_own() -> None:
    """All 142 names that were seen stand in the table, each alone."""
    assert len(NAMES) == 142
    for name in NAMES:
        row = find(MAPPING, name)
        assert (row.label, row.provisional) == (name, False)
        assert row.type != UNMAPPED


def test_the_sample_of_names_holds_every_name() -> None:
    """The page of all names is what the contract suite checks them by."""
    sample = FOLDER / "samples" / "names.json"
    names = {row["attributes"]["name"] for row in json.loads(sample.read_text("utf-8"))["data"]}
    assert set(NAMES) <= names


@pytest.mark.parametrize("name", NAMES)
def test_configuration_says_object_and_verb(name: str) -> None:
    """A change of the platform's set-up names what was set up and how."""
    row = find(MAPPING, name)
    assert (row.type == "system.configured") == (set(row.fields) == {"object", "verb"})
    if row.fields:
        assert name.startswith(row.fields["object"])


def test_every_webhook_on_offer_has_a_row() -> None:
    """Each pair of resource and action says whether polling tells it too, and no other pair has a row."""
    offered = {f"{resource}.{action}" for resource, actions in OFFERED.items() for action in actions.split()}
    assert {code for table, code in ENTRIES if table == "webhook"} == offered
    assert set(OFFERED) == set(provider.resources) - {"event"}
    assert {row.reach for code in offered for row in ENTRIES["webhook", code].rows()} == {"nudge", "only"}


def test_no_polled_event_has_a_reach() -> None:
    """What polling brings is the event itself."""
    assert {row.reach for name in NAMES for row in ENTRIES["event", name].rows()} == {"same"}


@pytest.mark.parametrize(
    ("code", "word", "type_", "reach"),
    [
        ("mailing.delivered", None, "email.delivered", "only"),
        ("mailing.opened", None, "email.opened", "nudge"),
        ("mailing.bounced", None, "email.bounced", "nudge"),
        ("mailing.replied", None, "email.received", "nudge"),
        ("mailing.created", "drafted", "email.drafted", "only"),
        ("mailing.updated", "placeholder", "email.drafted", "only"),
        ("mailing.updated", "scheduled", "email.scheduled", "only"),
        ("mailing.updated", "queued", "email.queued", "only"),
        ("mailing.updated", "delivering", "email.queued", "only"),
        ("mailing.updated", "delivered", "email.delivered", "only"),
        ("mailing.updated", "failed", "email.failed", "only"),
        ("mailing.updated", "bounced", "email.bounced", "nudge"),
        ("mailing.updated", "opened", "email.opened", "nudge"),
        ("mailing.updated", "replied", "email.received", "nudge"),
        ("call.created", "Answered", "call.completed", "nudge"),
        ("call.updated", "Not Answered", "call.unanswered", "nudge"),
        ("prospect.destroyed", None, "lead.deleted", "nudge"),
        ("sequenceState.created", None, "sequence.enrolled", "nudge"),
        ("opportunity.destroyed", None, "opportunity.deleted", "only"),
        ("kaiaRecording.created", None, "meeting.held", "only"),
        ("user.updated", None, "system.configured", "only"),
        ("import.finished", None, "system.configured", "only"),
    ],
)
def test_a_webhook_means_this(code: str, word: str | None, type_: str, reach: str) -> None:
    """States and outcomes decide the type, and each row says who else tells it."""
    row = MAPPING.find("webhook", code, word)
    assert (row.type, row.reach) == (type_, reach)


def test_states_that_name_a_fact_are_those_of_the_table() -> None:
    """Each has a row in every update (of a mailing in its creation, too), and no other state has."""
    for resource, states in facts._STATES.items():
        creations = [f"{resource}.created"] if resource == "mailing" else []
        for code in (f"{resource}.updated", *creations):
            words = {word for word in ENTRIES["webhook", code].words if not word.startswith("times.")} - {"owner"}
            assert words == states


@pytest.mark.parametrize("resource", facts._ONCE)
def test_a_state_that_shares_an_id_with_an_action_has_its_type(resource: str) -> None:
    """Of a fact that state and action both tell, it does not matter which comes first."""
    for state in facts._STATES.get(resource, ()):
        action = facts._SAME_WORD.get((resource, state), state)
        if action in facts._ONCE[resource]:
            row = MAPPING.find("webhook", f"{resource}.{action}")
            assert MAPPING.find("webhook", f"{resource}.updated", state).type == row.type
