"""Which feed a back-fill reads where none is named."""

import pytest

from headrace.cli.backfill import _feed
from headrace.config.tenants import Account
from headrace.core.mapping import Mapping
from headrace.providers.discover import discover
from headrace.providers.leadsquared.settings import LeadSquaredSettings


@pytest.mark.parametrize(
    ("feeds", "feed"),
    [
        ([], "activities-by-code"),
        (["modified-leads", "lead-activities"], "lead-activities"),
        (["modified-leads", "activities-by-code"], "activities-by-code"),
    ],
)
def test_a_feed_that_names_leads_alone_is_no_backfill(feeds: list[str], feed: str) -> None:
    """It would bring no row; that of the whole account comes first where it is read."""
    account = Account(discover()["leadsquared"], "acme", LeadSquaredSettings(feeds=feeds), Mapping([]))
    assert _feed(account, None).name == feed
