"""What words in the names of native codes hint at: a category, an action, a direction, a channel. Data for guesses."""

from typing import Final

NOUNS: Final[dict[str, str]] = {
    word: category
    for category, words in {
        "call": "call phone dial telephone telephony",
        "message": "message sms mms whatsapp chat",
        "email": "email mail newsletter",
        "meeting": "meeting appointment visit walkin tour demo demonstration consultation counselling counseling "
        "interview viewing webinar seminar session",
        "task": "task todo followup reminder",
        "note": "note remark comment",
        "lead": "lead prospect",
        "account": "account",
        "opportunity": "opportunity deal",
        "sequence": "sequence cadence",
        "consent": "consent optin optout subscription unsubscribe unsubscribed subscribe subscribed",
        "privacy": "privacy",
        "web": "page website webpage",
        "form": "form survey questionnaire feedback enquiry inquiry",
        "document": "document certificate",
        "payment": "payment paid fee emi instalment installment",
        "sale": "sale purchase order",
        "portal": "portal",
        "conversation": "conversation",
    }.items()
    for word in words.split()
}
"""A noun, and the category that it hints at. The last one of a name counts: a "meeting e-mail" is an e-mail."""

VERBS: Final[dict[str, str]] = {
    word: action
    for action, words in {
        "scheduled": "scheduled booked planned fixed arranged",
        "queued": "queued",
        "initiated": "initiated",
        "answered": "answered connected",
        "completed": "completed done finished",
        "held": "held conducted attended visited",
        "canceled": "canceled cancelled",
        "sent": "sent outbound outgoing",
        "delivered": "delivered",
        "received": "received inbound incoming replied reply",
        "failed": "failed bounced declined failure",
        "opened": "opened",
        "clicked": "clicked",
        "created": "created added new",
        "updated": "updated edited modified changed rescheduled",
        "deleted": "deleted removed",
        "merged": "merged",
        "captured": "captured",
        "converted": "converted",
        "submitted": "submitted filled",
        "saved": "saved draft",
        "generated": "generated issued",
        "transferred": "transferred",
        "blocked": "blocked",
        "unanswered": "noanswer unanswered missed busy",
        "voicemail_left": "voicemail",
        "skipped": "skipped",
        "due": "due overdue",
        "opted_in": "optin subscribe subscribed",
        "opted_out": "optout unsubscribe unsubscribed",
        "page_viewed": "viewed visited",
        "link_clicked": "clicked",
        "signed_in": "login signedin loggedin",
        "signed_out": "logout signedout loggedout",
        "registered": "registered registration",
        "stage_changed": "stagechange stagechanged",
        "owner_changed": "ownerchange ownerchanged reassigned assigned",
        "started": "started",
    }.items()
    for word in words.split()
}
VERBS_OF: Final[dict[tuple[str, str], str]] = {
    ("meeting", "completed"): "held",
    ("meeting", "done"): "held",
    ("meeting", "finished"): "held",
    ("meeting", "created"): "scheduled",
    ("meeting", "declined"): "responded",
    ("web", "visited"): "page_viewed",
    ("web", "clicked"): "link_clicked",
    ("email", "bounced"): "bounced",
    ("email", "draft"): "drafted",
    ("call", "missed"): "unanswered",
    ("call", "connected"): "completed",
    ("call", "inbound"): "logged",
    ("call", "incoming"): "logged",
    ("call", "received"): "logged",
    ("call", "outbound"): "logged",
    ("call", "outgoing"): "logged",
    ("note", "added"): "created",
    ("payment", "received"): "logged",
    ("payment", "completed"): "logged",
    ("payment", "done"): "logged",
    ("sale", "completed"): "logged",
}
"""What a verb means of one category, where that is not what it means of others."""

ALONE: Final[dict[str, str]] = {
    "call": "logged",
    "message": "logged",
    "task": "logged",
    "payment": "logged",
    "sale": "logged",
    "note": "created",
    "meeting": "held",
    "form": "submitted",
    "consent": "updated",
}
"""The action of a category whose name tells none: the weakest one. Of others nothing is guessed."""

ALONE_OF: Final[dict[str, str]] = {"appointment": "scheduled"}
"""The same for one noun."""

PHRASES: Final[dict[str, str]] = {
    "e mail": "email",
    "follow up": "followup",
    "walk in": "walkin",
    "to do": "todo",
    "no answer": "noanswer",
    "not answered": "noanswer",
    "opt in": "optin",
    "opted in": "optin",
    "opt out": "optout",
    "opted out": "optout",
    "voice mail": "voicemail",
    "log in": "login",
    "logged in": "login",
    "signed in": "login",
    "log out": "logout",
    "logged out": "logout",
    "signed out": "logout",
    "page view": "page viewed",
    "page visit": "page viewed",
    "website visit": "page viewed",
    "web visit": "page viewed",
    "text message": "message",
    "whats app": "whatsapp",
    "stage change": "stagechange",
    "stage changed": "stagechange",
    "owner change": "ownerchange",
    "owner changed": "ownerchange",
}
"""Words that are one thought together."""

DIRECTIONS: Final = {"inbound": "inbound", "incoming": "inbound", "outbound": "outbound", "outgoing": "outbound"}
CHANNELS: Final = {"sms": "sms", "mms": "mms", "whatsapp": "whatsapp", "chat": "chat"}
CHANNEL_OF: Final = {"call": "voice", "email": "email"}
"""What a category goes by, whatever its name says."""
DENIALS: Final = frozenset({"not", "no", "non", "never", "without"})
"""Words that turn round what the others say: of such a name nothing is guessed."""
OUTCOMES: Final = {"noanswer": "no_answer", "busy": "busy", "missed": "missed"}
