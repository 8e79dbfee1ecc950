"""Guesses at event types by names: plain, explained, and none where nothing is similar enough."""

import pytest
from hypothesis import given, strategies as st

from headrace.core import proposal_words as table
from headrace.core.mapping_keys import WORDS
from headrace.core.proposals import Named, propose
from headrace_events import Type

TYPES = {str(word) for word in Type}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Showroom Visit", {"type": "meeting.held"}),
        ("Site Visit Cancelled", {"type": "meeting.canceled"}),
        ("Appointment", {"type": "meeting.scheduled"}),
        ("calendly:meeting_booked", {"type": "meeting.scheduled"}),
        ("Meeting Schedulled", {"type": "meeting.scheduled"}),
        ("WhatsApp Message Received", {"type": "message.received", "channel": "whatsapp"}),
        ("Phone Call - Outbound", {"type": "call.logged", "direction": "outbound", "channel": "voice"}),
        ("Call Not Answered", {"type": "call.unanswered", "channel": "voice", "outcome": "no_answer"}),
        ("Meeting invitation email sent", {"type": "email.sent", "channel": "email"}),
        ("Unsubscribed from newsletter", {"type": "consent.opted_out"}),
        ("Website visit", {"type": "web.page_viewed"}),
        ("Note Added", {"type": "note.created"}),
        ("Follow up", {"type": "task.logged"}),
    ],
)
def test_a_name_hints_at_a_type(name: str, words: dict[str, str]) -> None:
    """A noun tells the category, a verb the action; without one the weakest word is taken."""
    found = propose(name)
    assert found is not None
    assert found.words() == words


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "203", "Negotiation", "moon_landed", "Not Interested", "Complaint", "Lead", "Quotation Sent"),
        "Payment Link Sent",
        "Appointment booked and cancelled",
        "Call not completed",
        "Meeting without notes",
    ],
)
def test_what_is_not_similar_enough_makes_no_proposal(name: str) -> None:
    """A verb that does not go with the noun, two verbs, a denial, or nothing known: nothing is guessed."""
    assert propose(name) is None


def test_another_code_of_the_account_counts_before_words() -> None:
    """What somebody decided for a name counts for one that is like it, and the reason names the code."""
    decided = [Named("212", "Showroom Visit", "meeting.scheduled"), Named("9", "Negotiation", "mirror")]
    found = propose("Showroom Visits", decided)
    assert found is not None
    assert (found.type, found.why) == ("meeting.scheduled", 'named like code 212, "Showroom Visit"')
    assert propose("Negotiation", decided) is None  # a fate is no type


def test_the_tables_lead_to_words_of_the_taxonomy() -> None:
    """What nouns and verbs stand for exists."""
    kinds = {f"{category}.{action}" for category, action in table.ALONE.items()}
    kinds |= {f"{category}.{action}" for (category, _), action in table.VERBS_OF.items()}
    assert kinds <= TYPES
    categories = {word.partition(".")[0] for word in TYPES}
    actions = {word.partition(".")[2] for word in TYPES}
    assert set(table.NOUNS.values()) <= categories
    assert set(table.VERBS.values()) <= actions
    for key, words in (("channel", table.CHANNELS), ("channel", table.CHANNEL_OF), ("outcome", table.OUTCOMES)):
        assert set(words.values()) <= {str(word) for word in WORDS[key]}


@given(st.text(max_size=300), st.lists(st.builds(Named, st.text(), st.text(max_size=50), st.just("meeting.held"))))
def test_any_name_can_be_looked_at(name: str, decided: list[Named]) -> None:
    """Whatever stands in a name: a proposal is a type of the taxonomy with a reason, or there is none."""
    found = propose(name, decided)
    assert found is None or (found.type in TYPES - {"unmapped"} and found.why)
