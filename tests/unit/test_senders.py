"""The senders that other tests lean on are genuine, and tell what they say they tell."""

import time
from collections import Counter
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from headrace.config import load
from headrace.config.tenants import Account
from headrace.explain import explain_piece
from headrace.sdk.provider import Delivery, Piece
from headrace_demo import senders
from headrace_demo.senders import Fact, Sender, Sending


def account_of(sender: Sender, folder: Path) -> Account:
    """Configure the sender's account as a file does."""
    file = folder / "headrace.toml"
    file.write_text(senders.toml(sender))
    (account,) = load(file, {}).tenants
    return account


def accepted(account: Account, sending: Sending) -> list[Fact]:
    """Accept a sending; return the facts of the events that it would become."""
    now = time.time()
    headers = {name.lower(): value for name, value in sending.headers(now).items()}
    query = dict(parse_qsl(sending.query))
    delivery = Delivery(account.name, "POST", headers, query, sending.body, int(now * 1000))
    explained = [
        explain_piece(account.provider, account.name, account.mapping, Piece(raw.shape, raw.value, raw.hint))
        for raw in account.provider.accept(delivery, account.settings).events
    ]
    return [senders.fact_of(one.event) for one in explained if one.event is not None]


@pytest.mark.parametrize("provider", senders.SENDERS)
def test_every_sending_is_accepted_and_tells_its_facts(provider: str, tmp_path: Path) -> None:
    """Each delivery is taken for genuine, its events are exactly its facts, and no two have the same fact."""
    facts: Counter[Fact] = Counter()
    for seed in (0, 1):
        sender = senders.make(provider, seed=seed)
        account = account_of(sender, tmp_path)
        for sending in islice(sender.stream(), 30):
            found = accepted(account, sending)
            assert sorted(found) == sorted(sending.facts)
            facts.update(found)
    assert max(facts.values()) == 1


def test_signatures_are_standard_webhooks() -> None:
    """The package of the standard verifies what is signed here, and refuses it when a byte differs."""
    sender = senders.make("leadping")
    webhook = Webhook(sender.secret)
    for sending in islice(sender.stream(), 8):
        webhook.verify(sending.body, sending.headers())
        with pytest.raises(WebhookVerificationError):
            webhook.verify(sending.body + b" ", sending.headers())
