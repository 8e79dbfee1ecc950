"""The closed words of a canonical event, each with its meaning in one line.

A word may be added in any release and is never renamed: consumers ignore the words they do not know.
"""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A closed word that says what it means: `Type.CALL_COMPLETED.meaning`."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Make the word `value`, explained by `meaning`."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        return word


class Type(Word):
    """What happened, as `category.action` in the past tense; CloudEvents `type` is `headrace.<word>.v1`."""

    CALL_SCHEDULED = "call.scheduled", "a call is planned"
    CALL_QUEUED = "call.queued", "a call waits to be placed"
    CALL_INITIATED = "call.initiated", "a call is being placed"
    CALL_RINGING = "call.ringing", "the other side rings"
    CALL_ANSWERED = "call.answered", "two parties are connected, the call is not over"
    CALL_COMPLETED = "call.completed", "two parties were connected and the call ended"
    CALL_UNANSWERED = "call.unanswered", "the call ended without a connection; see outcome"
    CALL_VOICEMAIL_LEFT = "call.voicemail_left", "a voice message was left"
    CALL_TRANSFERRED = "call.transferred", "the call was handed to somebody else"
    CALL_CANCELED = "call.canceled", "the call was called off"
    CALL_FAILED = "call.failed", "the call broke technically"
    CALL_BLOCKED = "call.blocked", "the platform refused to place the call; see outcome"
    CALL_UPDATED = "call.updated", "data about a call changed"
    CALL_LOGGED = "call.logged", "a call is on record, its state is not said"
    MESSAGE_SCHEDULED = "message.scheduled", "a text message is planned"
    MESSAGE_QUEUED = "message.queued", "a text message waits to be sent"
    MESSAGE_SENT = "message.sent", "a text message left the platform"
    MESSAGE_DELIVERED = "message.delivered", "a text message reached the other side"
    MESSAGE_RECEIVED = "message.received", "the lead's text message came in"
    MESSAGE_FAILED = "message.failed", "a text message could not be sent or delivered; see outcome"
    MESSAGE_BLOCKED = "message.blocked", "the platform refused to send a text message; see outcome"
    MESSAGE_CANCELED = "message.canceled", "a text message was called off"
    MESSAGE_LOGGED = "message.logged", "a text message is on record, its state is not said"
    EMAIL_DRAFTED = "email.drafted", "an e-mail exists as a draft"
    EMAIL_QUEUED = "email.queued", "an e-mail waits to be sent"
    EMAIL_SCHEDULED = "email.scheduled", "an e-mail is planned"
    EMAIL_SENT = "email.sent", "an e-mail was sent"
    EMAIL_DELIVERED = "email.delivered", "an e-mail was handed to the other side"
    EMAIL_RECEIVED = "email.received", "the lead's e-mail came in"
    EMAIL_OPENED = "email.opened", "an e-mail was opened; see actor, traffic and proxied"
    EMAIL_CLICKED = "email.clicked", "a link in an e-mail was clicked; see actor and traffic"
    EMAIL_BOUNCED = "email.bounced", "an e-mail came back"
    EMAIL_FAILED = "email.failed", "an e-mail could not be sent"
    EMAIL_MARKED_SPAM = "email.marked_spam", "the lead marked an e-mail as spam"
    MEETING_SCHEDULED = "meeting.scheduled", "a meeting was set"
    MEETING_UPDATED = "meeting.updated", "a meeting changed"
    MEETING_CANCELED = "meeting.canceled", "a meeting was called off"
    MEETING_RESPONDED = "meeting.responded", "an attendee answered an invitation; see outcome"
    MEETING_HELD = "meeting.held", "a meeting or visit took place"
    TASK_CREATED = "task.created", "a task was made"
    TASK_UPDATED = "task.updated", "a task changed"
    TASK_OWNER_CHANGED = "task.owner_changed", "a task went to another user"
    TASK_DUE = "task.due", "a task's reminder fired"
    TASK_COMPLETED = "task.completed", "a task was done"
    TASK_SKIPPED = "task.skipped", "a task was passed over"
    TASK_DELETED = "task.deleted", "a task was removed"
    TASK_LOGGED = "task.logged", "a task is on record, its state is not said"
    NOTE_CREATED = "note.created", "a note was written"
    NOTE_UPDATED = "note.updated", "a note changed"
    LEAD_CREATED = "lead.created", "a lead came into being"
    LEAD_UPDATED = "lead.updated", "a lead's data changed"
    LEAD_DELETED = "lead.deleted", "a lead was removed"
    LEAD_MERGED = "lead.merged", "two leads became one"
    LEAD_CAPTURED = "lead.captured", "a lead came in through a capture channel"
    LEAD_CONVERTED = "lead.converted", "a visitor became a lead"
    LEAD_ASSOCIATED = "lead.associated", "a lead was tied to another record"
    LEAD_STAGE_CHANGED = "lead.stage_changed", "a lead moved to another stage; see change"
    LEAD_OWNER_CHANGED = "lead.owner_changed", "a lead went to another owner; see change"
    LEAD_SCORE_CHANGED = "lead.score_changed", "a lead's score changed; see change"
    LEAD_SOURCE_CHANGED = "lead.source_changed", "a lead's source was set to another one; see change"
    ACCOUNT_CREATED = "account.created", "a company record came into being"
    ACCOUNT_UPDATED = "account.updated", "a company's data changed"
    ACCOUNT_DELETED = "account.deleted", "a company record was removed"
    ACCOUNT_MERGED = "account.merged", "two company records became one"
    ACCOUNT_OWNER_CHANGED = "account.owner_changed", "a company went to another owner"
    ACCOUNT_LEAD_ADDED = "account.lead_added", "a lead was put into a company"
    ACCOUNT_LEAD_REMOVED = "account.lead_removed", "a lead was taken out of a company"
    OPPORTUNITY_CREATED = "opportunity.created", "a deal came into being"
    OPPORTUNITY_UPDATED = "opportunity.updated", "a deal's data changed"
    OPPORTUNITY_DELETED = "opportunity.deleted", "a deal was removed"
    OPPORTUNITY_CAPTURED = "opportunity.captured", "a deal came in through a capture channel"
    OPPORTUNITY_SHARED = "opportunity.shared", "a deal was shared with a user"
    OPPORTUNITY_UNSHARED = "opportunity.unshared", "a deal is no longer shared with a user"
    OPPORTUNITY_DUPLICATE_DETECTED = "opportunity.duplicate_detected", "a deal looks like another one"
    OPPORTUNITY_ROLE_CHANGED = "opportunity.role_changed", "a lead's role in a deal changed"
    OPPORTUNITY_STAGE_CHANGED = "opportunity.stage_changed", "a deal moved to another stage; see change"
    OPPORTUNITY_OWNER_CHANGED = "opportunity.owner_changed", "a deal went to another owner; see change"
    OPPORTUNITY_STATUS_CHANGED = "opportunity.status_changed", "a deal became open, won or lost; see change"
    OPPORTUNITY_SOURCE_CHANGED = "opportunity.source_changed", "a deal's source was set to another one; see change"
    ACTIVITY_DELETED = "activity.deleted", "an activity was deleted at the platform; see refs and native"
    SEQUENCE_ENROLLED = "sequence.enrolled", "a lead entered a cadence"
    SEQUENCE_ADVANCED = "sequence.advanced", "a lead reached the next step of a cadence"
    SEQUENCE_PAUSED = "sequence.paused", "a lead's cadence was halted"
    SEQUENCE_RESUMED = "sequence.resumed", "a lead's cadence goes on"
    SEQUENCE_FINISHED = "sequence.finished", "a lead reached the end of a cadence"
    SEQUENCE_REMOVED = "sequence.removed", "a lead was taken out of a cadence"
    SEQUENCE_UPDATED = "sequence.updated", "a lead's place in a cadence changed otherwise"
    CONSENT_OPTED_IN = "consent.opted_in", "the lead allows contact; channel says on what, absent = not said"
    CONSENT_OPTED_OUT = "consent.opted_out", "the lead forbids contact; channel says on what, absent = not said"
    CONSENT_UPDATED = "consent.updated", "the lead's consent changed, how is not said"
    PRIVACY_REQUESTED = "privacy.requested", "the lead made a data protection request"
    PRIVACY_DATA_DELETED = "privacy.data_deleted", "a lead's personal data was deleted"
    WEB_PAGE_VIEWED = "web.page_viewed", "the lead viewed a page"
    WEB_LINK_CLICKED = "web.link_clicked", "the lead clicked a tracked link or button"
    FORM_SUBMITTED = "form.submitted", "the lead sent a form"
    FORM_SAVED = "form.saved", "the lead saved a draft of a form"
    DOCUMENT_GENERATED = "document.generated", "a document was made for the lead"
    PAYMENT_LOGGED = "payment.logged", "a payment is on record; whose is not always known, see native"
    PAYMENT_FAILED = "payment.failed", "a payment failed; whose is not always known, see native"
    SALE_LOGGED = "sale.logged", "a sale is on record, its state is not said; value has its amount where it is known"
    PORTAL_REGISTERED = "portal.registered", "the lead registered in the tenant's portal"
    PORTAL_SIGNED_IN = "portal.signed_in", "the lead signed in to the tenant's portal"
    PORTAL_SIGNED_OUT = "portal.signed_out", "the lead signed out of the tenant's portal"
    PORTAL_PASSWORD_CHANGED = "portal.password_changed", "the lead changed the password of the tenant's portal"
    PORTAL_PASSWORD_RESET_REQUESTED = "portal.password_reset_requested", "the lead asked for a new portal password"
    CONTACT_POINT_ADDED = "contact_point.added", "a lead got a phone number or address"
    CONTACT_POINT_REMOVED = "contact_point.removed", "a lead lost a phone number or address"
    CONVERSATION_STARTED = "conversation.started", "a chat conversation began; who began it is not said"
    SYSTEM_CONFIGURED = "system.configured", "the platform's own set-up changed; fields.object and fields.verb say what"
    SYSTEM_NOTIFIED = "system.notified", "the platform told a user something"
    SYSTEM_WARMED_UP = "system.warmed_up", "the platform sent warm-up traffic"
    SYSTEM_FAILED = "system.failed", "a part of the platform failed"
    CUSTOM_LOGGED = "custom.logged", "a tenant's or an app's own event type, known to be custom; see native.name"
    UNMAPPED = "unmapped", "nobody has decided yet what this native code means; see native.code"


class Outcome(Word):
    """How it went: one closed list for all categories."""

    CONNECTED = "connected", "two parties spoke"
    NO_ANSWER = "no_answer", "nobody answered"
    BUSY = "busy", "the line was busy"
    MISSED = "missed", "an inbound call nobody took"
    REJECTED = "rejected", "the other side refused"
    VOICEMAIL = "voicemail", "a voice mailbox answered"
    FAILED = "failed", "it broke technically"
    CANCELED = "canceled", "it was called off"
    TRANSFERRED = "transferred", "it was handed to somebody else"
    BILLING = "billing", "the platform's billing stands in the way"
    PHONE_NUMBER_STATUS = "phone_number_status", "the sending number may not be used"
    CONFIGURATION = "configuration", "the platform's set-up stands in the way"
    PERMISSION = "permission", "the user may not do it"
    CONFIGURATION_REQUIRED = "configuration_required", "the platform has to be set up first"
    OPTED_OUT = "opted_out", "the lead forbids contact"
    UNDELIVERABLE = "undeliverable", "the address cannot be reached"
    COMPLIANCE = "compliance", "a compliance rule stands in the way"
    MISSING_CAMPAIGN = "missing_campaign", "the number belongs to no registered campaign"
    ACCEPTED = "accepted", "the attendee comes"
    DECLINED = "declined", "the attendee does not come"
    TENTATIVE = "tentative", "the attendee may come"
    POSITIVE = "positive", "the answer is favourable"
    NEGATIVE = "negative", "the answer is unfavourable"
    NEUTRAL = "neutral", "the answer is neither"
    GATEKEEPER = "gatekeeper", "somebody else answered for the lead"


class Direction(Word):
    """Which way it went, seen from the user of the platform."""

    INBOUND = "inbound", "from the lead"
    OUTBOUND = "outbound", "to the lead"


class ActorKind(Word):
    """Who did it."""

    LEAD = "lead", "the lead"
    USER = "user", "a user of the platform"
    AI = "ai", "an artificial agent"
    AUTOMATION = "automation", "a rule, sequence or workflow"
    SYSTEM = "system", "the platform itself"


class Channel(Word):
    """The medium."""

    VOICE = "voice", "a phone call"
    SMS = "sms", "a text message"
    MMS = "mms", "a text message with media"
    CHAT = "chat", "a chat on a site or in an app"
    WHATSAPP = "whatsapp", "WhatsApp"
    EMAIL = "email", "e-mail"
    CALL = "call", "phone calls, as the scope of a consent"


class Traffic(Word):
    """Whether it is sales activity at all; absent = not said."""

    REAL = "real", "with a real lead"
    WARMUP = "warmup", "made to warm up a number or mailbox"
    TEST = "test", "a test"
    INTERNAL = "internal", "by the sender's own side or the platform"


class Via(Word):
    """The way a payload came in."""

    WEBHOOK = "webhook", "the provider delivered it"
    POLL = "poll", "a feed read it from the provider's API"
    INGEST = "ingest", "somebody handed in a file"


class NoticeKind(Word):
    """What an operator must know, the worst first; CloudEvents `type` is `headrace.notice.<word>.v1`."""

    TENANT_PARKED = "tenant_parked", "the platform denies the tenant's credentials: nothing is read"
    SPOOL_IN_USE = "spool_in_use", "deliveries wait on a receiver's disk, because Kafka does not take them"
    CONFIGURATION_REFUSED = "configuration_refused", "the files of a process are not right: those before stay in force"
    MASS_DROP = "mass_drop", "the platform does not know so many leads at once that none of them is dropped"
    FEED_STALE = "feed_stale", "a feed was not read to its end for longer than it should be"
    HOOK_IN_TROUBLE = "hook_in_trouble", "a webhook is missing, disabled, or not as it should be"
    BUDGET_TOO_SMALL = "budget_too_small", "to read every lead takes longer than the tenant's max_staleness"
    CODE_FIRST_SEEN = "code_first_seen", "a native code came in for which no row of the tables is its own"


class NoticeState(Word):
    """Whether a notice holds."""

    OPEN = "open", "it is the case"
    OVER = "over", "it is the case no more"


TYPE_PREFIX = "headrace."
TYPE_SUFFIX = ".v1"
