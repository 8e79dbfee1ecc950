"""What is wrong with settings together, each of which is sound alone."""

from msgspec import Struct


class Contradiction(Struct, frozen=True):
    """A sentence under the key to mend. `by` are the other keys that it was judged by: it holds where all are sound.

    The sentence never quotes a value: it may be a secret.
    """

    key: str
    reason: str
    by: tuple[str, ...] = ()
