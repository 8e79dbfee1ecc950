"""What a call to a platform can come to instead of an answer: one class for each treatment by the runner of feeds.

A feed catches only those that it can answer with another call: a smaller page, another path.
"""

from typing import ClassVar


class Fault(Exception):  # noqa: N818  (what happened, and its classes say which treatment it gets)
    """A call that brought nothing. The text is a sentence without a secret; `code` is a word of a bounded set."""

    code: ClassVar[str]


class Denied(Fault):
    """The credentials are wrong, too old, or not allowed to do this."""

    code = "denied"


class Gone(Fault):
    """The record does not exist, or not any more."""

    code = "gone"


class Rejected(Fault):
    """The platform will never answer this call: the same call again is no use."""

    code = "rejected"


class NoRoute(Fault):
    """Nobody who answers in the platform's form knows this path: a gateway, a wrong `base_url`, another generation."""

    code = "no_route"


class Incomplete(Fault):
    """A part of what was to be read did not come, and may come yet; the rest was yielded. Only feeds raise it."""

    code = "incomplete"


class TooHeavy(Fault):
    """The page was too much for the platform: ask for fewer rows."""

    code = "too_heavy"


class Unavailable(Fault):
    """Nothing that makes sense came back this time: no answer, an error of theirs, HTML, half a document."""

    code = "unavailable"


class Throttled(Fault):
    """Too many calls: none may be made for `wait` seconds, None where the platform did not say."""

    code = "throttled"

    def __init__(self, sentence: str, wait: float | None) -> None:
        super().__init__(sentence)
        self.wait = wait
