"""Why a demo ends early."""


class Failed(Exception):  # noqa: N818  (a message for people)
    """The demo could not be played; the text says why."""
