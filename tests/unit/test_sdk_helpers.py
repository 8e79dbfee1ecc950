"""What providers share: rows known by their digests, what an answer is good for, smaller pages, secrets."""

import hmac

import pytest

from headrace.sdk.faults import TooHeavy
from headrace.sdk.http_status import is_object
from headrace.sdk.page_size import halved
from headrace.sdk.provider import Tenant
from headrace.sdk.row_digests import MOST, Digests
from headrace.sdk.settings import PolledTenant, settings_of
from headrace.sdk.signatures import hmac_sha256, is_one_of, secrets_of


def test_rows_are_known_by_their_bytes() -> None:
    """A row is known once it was added, before and after a cursor was written and read."""
    digests = Digests()
    assert digests.add(b"a")
    assert not digests.add(b"a")
    again = Digests(digests.packed())
    assert b"a" in again
    assert b"A" not in again
    assert len(again) == 1


def test_the_oldest_row_is_forgotten_first() -> None:
    """A cursor has a bound: rows that were met again stay, those that were not for longest go."""
    digests = Digests(most=2)
    for row in (b"a", b"b", b"a", b"c"):
        digests.add(row)
    assert [row in digests for row in (b"a", b"b", b"c")] == [True, False, True]
    assert digests.packed() == Digests(digests.packed()).packed()


def test_a_full_cursor_fits_its_topic() -> None:
    """All rows that are remembered, twice, are far below what a record of cursors may have."""
    digests = Digests()
    for number in range(MOST + 10):
        digests.add(str(number).encode())
    assert len(digests) == MOST
    assert len(digests.packed()) * 2 * 4 / 3 < 100_000


def test_only_a_whole_object_is_an_answer() -> None:
    """HTML, half a document, a list and nothing at all are none."""
    assert is_object(b' {"a": [1, {"b": "\\u00e9"}]} \n')
    assert not any(
        map(is_object, (b"<html>", b'{"a": [1', b"[]", b"", b'"{}"', b'{"a":1}}', b"\xff{}", b"[" * 100_000))
    )


@pytest.mark.parametrize(("rows", "fewest", "next_rows"), [(100, 1, 50), (3, 1, 1), (2, 1, 1), (40, 25, 25)])
def test_a_page_that_is_too_heavy_is_halved(rows: int, fewest: int, next_rows: int) -> None:
    """Half as many rows are asked for, never fewer than there may be."""
    assert halved(rows, TooHeavy("413"), fewest) == next_rows


@pytest.mark.parametrize(("rows", "fewest"), [(1, 1), (25, 25), (10, 25)])
def test_the_smallest_page_is_not_halved(rows: int, fewest: int) -> None:
    """Where there is no smaller page, the fault is the caller's."""
    fault = TooHeavy("413")
    with pytest.raises(TooHeavy) as raised:
        halved(rows, fault, fewest)
    assert raised.value is fault


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 200])
def test_a_signature_is_that_of_the_standard_library(size: int) -> None:
    """Whatever the length of the key, the HMAC of some parts is that of the whole; and so is the next one."""
    key = bytes(range(size))
    for parts in ((b"",), (b"one", b"", b"two" * 100), (b"one",)):
        assert hmac_sha256(key, *parts) == hmac.digest(key, b"".join(parts), "sha256")


def test_a_secret_is_one_of_those_that_are_set() -> None:
    """Any secret that is set fits, and whole; an empty one is none, and bytes that are no UTF-8 fit none."""
    secrets = secrets_of(Tenant(webhook_secrets=["old", "", "né"]))
    assert secrets == ["old", "né"]
    assert [is_one_of(header, secrets) for header in ("old", "né", "n", "", "\udcff")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not is_one_of("", [])


def test_settings_are_the_providers_own() -> None:
    """A provider that is handed the settings of another one says so at once."""
    own = PolledTenant()
    assert settings_of(own, PolledTenant) is own
    with pytest.raises(TypeError, match="another provider"):
        settings_of(Tenant(), PolledTenant)
