"""What holds of every provider that polls: its settings, its client and its feeds agree with each other."""

import pytest
from msgspec.structs import replace

from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, ApiClient, Call, Polled
from headrace.sdk.settings import PolledTenant
from tests.providers import suite
from tests.providers.suite import HOMES, Home

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
OBJECT = b"{}"


def polled(home: Home) -> Polled:
    """Return the provider as one that polls; a case of one that does not is skipped."""
    provider = suite.provider_of(home)
    if not isinstance(provider, Polled):
        pytest.skip(f"{home.name} does not poll")
    return provider


def settings(home: Home, **more: object) -> PolledTenant:
    """Return the settings of a polled tenant, with the credentials that the kit names."""
    polled(home)
    kit = suite.kit_of(home)
    assert isinstance(kit.settings, PolledTenant)
    return replace(kit.settings, polling=True, **{**kit.credentials, **more})


def client(home: Home) -> ApiClient:
    """Return the client of a polled tenant."""
    found = polled(home).client(settings(home))
    assert found
    return found


def test_the_cases_are_not_skipped() -> None:
    """At least three platforms and the tutorial poll."""
    assert sum(isinstance(suite.provider_of(home), Polled) for home in HOMES) >= 4


@EACH
def test_credentials_are_missed_when_a_configuration_is_loaded(home: Home) -> None:
    """With them nothing is missing; without them polling names what it needs, and there is no client."""
    assert not list(settings(home).faults())
    bare = replace(suite.kit_of(home).settings, polling=True)
    assert [fault.key for fault in bare.faults()] == ["polling"]
    assert polled(home).client(bare) is None


@EACH
def test_feeds_are_known_by_name(home: Home) -> None:
    """`feeds` may name every feed, and none that the provider does not have."""
    feeds = polled(home).feeds(settings(home))
    names = [feed.name for feed in feeds]
    assert len(set(names)) == len(names)
    assert all(feed.every > 0 for feed in feeds)
    assert not list(settings(home, feeds=names).faults())
    assert [fault.key for fault in settings(home, feeds=["no-such-feed"]).faults()] == ["feeds"]


@EACH
def test_a_signed_call_is_the_call(home: Home) -> None:
    """Credentials are added; path, method, query and body stay."""
    call = Call(path="/x", method="POST", query=(("a", "b"),), body=b"{}")
    signed = client(home).sign(call, "token")
    assert (signed.path, signed.method, signed.body) == (call.path, call.method, call.body)
    assert signed.query[:1] == call.query
    assert signed != call


@EACH
@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, OBJECT, None),
        (200, b"<html>", Unavailable),
        (401, OBJECT, Denied),
        (403, OBJECT, Denied),
        (413, OBJECT, TooHeavy),
        (429, OBJECT, Throttled),
        (503, OBJECT, Unavailable),
    ],
)
def test_statuses_that_mean_the_same_everywhere(
    home: Home, status: int, body: bytes, fault: type[Fault] | None
) -> None:
    """What all platforms mean alike gets the same treatment."""
    assert type(client(home).judge(Answer(status, {}, body), 0.0)) is (fault or type(None))


@EACH
def test_a_missing_record_is_never_a_passing_fault(home: Home) -> None:
    """404 is a record that is gone or a path that nobody serves; asking again at once is no use."""
    assert isinstance(client(home).judge(Answer(404, {}, OBJECT), 0.0), Gone | NoRoute | Rejected)


@EACH
def test_budget_and_base_url_are_the_tenants(home: Home) -> None:
    """What a tenant sets stands before what the provider knows."""
    own = settings(home, base_url="https://api.example.com/x")
    found = polled(home).client(own)
    assert found
    assert found.base_url == "https://api.example.com/x"
    assert found.limits.per_window > 0
    assert found.limits.window > 0


@EACH
def test_ids_of_any_kind_stay_in_their_place(home: Home) -> None:
    """A record is asked for below the provider's own path, whatever its id is made of."""
    for resource in suite.provider_of(home).resources:
        for call in polled(home).single(settings(home), resource, "../x?y#z"):
            assert "/../" not in call.path
            assert "?" not in call.path
            assert "#" not in call.path
