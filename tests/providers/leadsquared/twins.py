from collections.abc import Sequence

from tests.providers.kit import Twin


def twins() -> Sequence[Twin]:
    """Offer none yet."""
    return ()
