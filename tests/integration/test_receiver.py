"""Every row of the table of answers, for each provider, by HTTP, with what then stands on the topics."""

import asyncio
import time
from itertools import islice
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from headrace.config import Config
from headrace.config.config_watch import ConfigWatch
from headrace.config.tenants import Account, Tenants
from headrace.records.raw import headers_of
from headrace.sdk.provider import Accepted, Delivery, Tenant
from headrace_demo import senders
from headrace_demo.senders import Sender
from tests.fake_provider import FakeProvider
from tests.integration.pipeline import until
from tests.integration.receiver_harness import NOBODY, Answer, running_receiver
from tests.kafka.broker import Broker

pytestmark = pytest.mark.kafka
OK = b'{"Status":"Success","StatusReason":""}'
PROVIDERS = list(senders.SENDERS)
UNREADABLE = [b'{"cut off', b"\xff\xfe", b"[[[", b"null", b'"text"']
RETRIES_STATUS = ["leadping", "leadsquared"]


@pytest.fixture
def sender(provider: str) -> Sender:
    """One account at the provider."""
    return senders.make(provider)


def acknowledged(provider: str, answer: Answer) -> bool:
    """Return whether an answer is the provider's form of a 2xx."""
    if provider == "leadsquared":
        return (answer.status, answer.body, answer.headers["Content-Type"]) == (200, OK, "application/json")
    return (answer.status, answer.body) == (202, b"")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_acknowledged_is_in_raw(
    provider: str, sender: Sender, kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """Genuine deliveries get the provider's 2xx; their bytes are in raw as sent, and nothing secret is beside them."""
    async with running_receiver(kafka.bootstrap_servers, prefix, tmp_path, sender) as receiver:
        sent = list(islice(sender.stream(), 12))
        for sending in sent:
            assert acknowledged(provider, await receiver.send(sending))
        raw = await receiver.raw()
        assert len(raw) == sum(len(sending.facts) for sending in sent)
        assert {(event.provider, event.tenant, event.via) for event in raw} == {(provider, "acme", "webhook")}
        bodies = b"".join(sending.body for sending in sent)
        assert all(event.value in bodies for event in raw)
        everything = b"".join(headers_of(event)[0][1] + event.value for event in raw)
        assert not [word for word in sender.hidden if word.encode() in everything]
        assert receiver.count("headrace_deliveries_total") == len(sent)
        assert receiver.count("headrace_accepted_records_total") == len(raw)
        assert receiver.refusals() == {}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_genuine_delivery_that_nobody_can_read_is_kept(
    provider: str, sender: Sender, kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """Verified but not decodable: the same 2xx, and the bytes are in raw for the normalizer to judge."""
    async with running_receiver(kafka.bootstrap_servers, prefix, tmp_path, sender) as receiver:
        for body in UNREADABLE:
            assert acknowledged(provider, await receiver.send(sender.sending_of(body)))
        assert sorted(event.value for event in await receiver.raw()) == sorted(UNREADABLE)


def polled(config: Config) -> Config:
    """Have all tenants polled; nobody is asked for keys, since nobody polls."""
    for account in config.tenants:
        account.settings.polling = True
    return config


async def test_what_is_verified_goes_to_raw_whether_the_tenant_is_polled_or_not(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """With polling on, too, each delivery stands in raw; the receiver writes to no other topic."""
    outreach, leadsquared = senders.Outreach(), senders.LeadSquared()
    async with running_receiver(
        kafka.bootstrap_servers, prefix, tmp_path, outreach, leadsquared, change=polled
    ) as receiver:
        assert (await receiver.send(outreach.opened())).status == 202
        assert (await receiver.send(outreach.action("mailing", "delivered"))).status == 202
        assert (await receiver.send(leadsquared.stage())).status == 200
        assert len(await receiver.raw()) == 3
        assert not await receiver.records("nudges")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_not_genuine_is_refused(
    provider: str, sender: Sender, kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """Every way of not being genuine gets a 401 that holds no secret, and nothing is kept of it."""
    other = senders.make(provider, "other", seed=1)
    foreign = type(sender)("acme", 0, other.secret)
    async with running_receiver(kafka.bootstrap_servers, prefix, tmp_path, sender, other) as receiver:
        good = next(sender.stream())
        signed = {name.lower(): value for name, value in good.headers().items()}
        (name,) = {"webhook-signature", "outreach-webhook-signature", "x-headrace-secret"} & signed.keys()
        bad = [
            await receiver.send(good, {name: ""}),
            await receiver.send(good, {name: "v1,AAAA" if provider == "leadping" else "0" * 64}),
            await receiver.send(good, {name: signed[name][:-1]}),
            await receiver.send(good, {name: signed[name][1:]}),
            await receiver.send(good, {name: signed[name][::-1]}),
            await receiver.send(replace_sender(good, foreign)),
        ]
        if provider != "leadsquared":  # it signs nothing: a body may be anything
            changed = bytes([good.body[0], good.body[1] ^ 1]) + good.body[2:]
            bad += [
                await receiver.send(good, body=changed),
                await receiver.send(good, body=good.body + b"\n"),
                await receiver.send(good, body=next(islice(sender.stream(), 3, 4)).body),
            ]
        assert {(answer.status, answer.headers["Content-Type"]) for answer in bad} == {
            (401, "application/problem+json")
        }
        assert {answer.headers["Connection"] for answer in bad} == {"close"}
        answers = b"".join(answer.body for answer in bad).decode()
        assert not [word for word in (*sender.hidden, *other.hidden, signed[name]) if word in answers]
        assert sum(receiver.refusals().values()) == len(bad)
        assert await receiver.raw() == []
        assert acknowledged(provider, await receiver.send(good))


def replace_sender(sending: senders.Sending, other: Sender) -> senders.Sending:
    """Have a delivery signed by somebody else."""
    return senders.Sending(other, sending.body, sending.facts, sending.query, sending.run, sending.extra)


async def test_an_old_delivery_is_refused_where_times_are_signed(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """A delivery that was recorded and is replayed later, or with another time or id on it, is refused."""
    sender = senders.LeadPing()
    async with running_receiver(kafka.bootstrap_servers, prefix, tmp_path, sender) as receiver:
        sending, now = next(sender.stream()), time.time()
        for moment in (now - 400, now + 400):
            answer = await receiver.ask("POST", sending.path, sending.body, sending.headers(moment))
            assert (answer.status, answer.code) == (401, "stale_timestamp")
        for over in ({"webhook-timestamp": str(int(now) - 7)}, {"webhook-id": "another"}):
            answer = await receiver.send(sending, over)
            assert (answer.status, answer.code) == (401, "bad_signature")
        assert await receiver.raw() == []


async def test_any_of_several_signatures_counts_in_any_order(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """While the sender rotates its secret it signs twice: either place is good, as long as one of them fits."""
    sender = senders.LeadPing()
    async with running_receiver(kafka.bootstrap_servers, prefix, tmp_path, sender) as receiver:
        sending = next(sender.stream())
        signed = sending.headers()
        good, old = signed["webhook-signature"], "v1,bm90IHRoaXMgb25l"
        for signatures in (f"{good} {old}", f"{old} {good}", f"v1a,{old} {old} {good}"):
            assert (
                await receiver.ask("POST", sending.path, sending.body, signed | {"webhook-signature": signatures})
            ).status == 202
        assert (await receiver.send(sending, {"webhook-signature": f"{old} {old}"})).code == "bad_signature"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", "not_found"),
        ("/webhooks/leadping", "not_found"),
        ("/webhooks/leadping/acme/more", "not_found"),
        ("/webhooks/leadping/acme%2F..", "unknown_tenant"),
        ("/webhooks/leadping/Acme", "unknown_tenant"),
        ("/webhooks/leadping/nobody?secret=abc", "unknown_tenant"),
        ("/webhooks/nobody/acme", "unknown_provider"),
    ],
)
async def test_what_is_not_there_is_refused(path: str, code: str, tmp_path: Path) -> None:
    """Unknown paths, providers and tenants get 404, whatever is sent to them."""
    sender = senders.LeadPing()
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        answer = await receiver.ask("POST", path, b"{}", {"Content-Type": "application/json"})
        assert (answer.status, answer.code) == (404, code)
        assert receiver.refusals() == {("unknown", "unknown", code): 1}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_wrong_methods_and_content_types_are_refused(provider: str, sender: Sender, tmp_path: Path) -> None:
    """Another method gets 405 with those that are allowed, another content type or an encoded body 415."""
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        sending = next(sender.stream())
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
            answer = await receiver.send(sending, method=method)
            allowed = "POST, GET, HEAD" if provider == "leadsquared" else "POST"
            assert (answer.status, answer.headers["Allow"]) == (405, allowed)
        for content_type in ("text/plain", "application/x-www-form-urlencoded"):
            assert (await receiver.send(sending, {"content-type": content_type})).status == 415
        for encoding in ("gzip", "br", "identity, gzip", "nonsense"):
            answer = await receiver.send(sending, {"content-encoding": encoding})
            assert (answer.status, answer.code) == (415, "encoded_body")
        assert acknowledged(provider, await receiver.send(sending, {"content-encoding": "identity"}))


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST"])
async def test_the_check_of_a_new_webhook_is_answered(method: str, tmp_path: Path) -> None:
    """LeadSquared asks without body and secret whether anybody is there: 200, and nothing is counted as a delivery."""
    sender = senders.LeadSquared()
    check = sender.check()
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        answer = await receiver.send(check, method=method)
        assert (answer.status, answer.body) == (200, b"" if method == "HEAD" else OK)
        assert (receiver.count("headrace_checks_total"), receiver.count("headrace_deliveries_total")) == (1, 0)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("provider", ["leadping", "outreach"])
async def test_who_checks_nothing_gets_no_check(sender: Sender, method: str, tmp_path: Path) -> None:
    """Providers that never ask get 405 for it."""
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        answer = await receiver.ask(method, sender.path)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_kafka_may_be_away_while_the_spool_has_room(provider: str, sender: Sender, tmp_path: Path) -> None:
    """Without Kafka deliveries are acknowledged as long as the spool takes them, and the receiver is ready."""
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        sent = list(islice(sender.stream(), 6))
        for sending in sent:
            assert acknowledged(provider, await receiver.send(sending))
        assert receiver.count("headrace_spooled_total") == sum(len(sending.facts) for sending in sent)
        assert receiver.health.ready().ok


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_without_any_room_nothing_is_promised(provider: str, sender: Sender, tmp_path: Path) -> None:
    """With Kafka away and the spool full: 503 with Retry-After, or no answer at all where any would mean delivered."""
    async with running_receiver(NOBODY, "x.", tmp_path, sender, spool='max_bytes = "64KiB"') as receiver:
        body = b'{"note": "' + b"x" * 80_000 + b'"}'
        answer = await receiver.send(sender.sending_of(body))
        if provider in RETRIES_STATUS:
            assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "no_room", "10")
        else:
            assert answer.status == 0
        assert receiver.refusals() == {(provider, "acme", "no_room"): 1}
        assert receiver.count("headrace_deliveries_total") == 0


async def test_a_full_spool_is_shown_to_probes(tmp_path: Path) -> None:
    """Once hardly anything fits into the spool the receiver is not ready, even where a little room is left."""
    sender = senders.make("leadsquared")
    async with running_receiver(NOBODY, "x.", tmp_path, sender, spool='max_bytes = "64KiB"') as receiver:
        sending = sender.sending_of(b'[{"note": "' + b"x" * 20_000 + b'"}]')
        statuses: list[int] = []
        while statuses[-1:] != [503]:
            assert receiver.health.ready().ok or len(statuses) == 3
            statuses.append((await receiver.send(sending)).status)
        assert statuses == [200, 200, 200, 503]
        assert not receiver.health.ready().ok


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_tenant_that_sends_too_fast_waits_and_others_do_not(
    provider: str, sender: Sender, tmp_path: Path
) -> None:
    """Beyond its burst a tenant gets 429 and Retry-After, or a closed connection; forged deliveries cost it nothing."""
    other = senders.make(provider, "other", seed=1)
    async with running_receiver(NOBODY, "x.", tmp_path, sender, other, receiver="rate = 1\nburst = 2") as receiver:
        unsigned = {"x-headrace-secret": "", "webhook-signature": "", "outreach-webhook-signature": ""}
        for _ in range(5):
            assert (await receiver.send(next(sender.stream()), unsigned)).status == 401
        answers = [await receiver.send(sending) for sending in islice(sender.stream(), 8)]
        refused = [answer for answer in answers if answer.status not in (200, 202)]
        assert refused
        if provider in RETRIES_STATUS:
            assert {(answer.status, answer.code) for answer in refused} == {(429, "rate_limited")}
            assert all(1 <= int(answer.headers["Retry-After"]) <= 10 for answer in refused)  # a record, a second
        else:
            assert {answer.status for answer in refused} == {0}
        assert acknowledged(provider, await receiver.send(next(other.stream())))


class Broken(FakeProvider):
    """A provider with a bug: whatever comes, `accept` fails, and quotes the secret."""

    def __init__(self, like: Account) -> None:
        self.name, self.retries = like.provider.name, like.provider.retries

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Fail."""
        raise ZeroDivisionError(f"{settings.webhook_secrets} {delivery.headers} {delivery.body!r}")


def broken(config: Config) -> Config:
    """Put the bug into every provider."""
    accounts = [Account(Broken(a), a.name, a.settings, a.mapping) for a in config.tenants]
    return replace(config, tenants=Tenants(accounts))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_error_of_ours_never_reads_as_delivered(
    provider: str, sender: Sender, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What we did not expect gets 500, or a closed connection; it is counted, and logged without what was sent."""
    async with running_receiver(NOBODY, "x.", tmp_path, sender, change=broken) as receiver:
        sending = next(sender.stream())
        answer = await receiver.send(sending)
        assert answer.status == (500 if provider in RETRIES_STATUS else 0)
        assert receiver.refusals() == {(provider, "acme", "internal"): 1}
    logged = "".join(capfd.readouterr())
    assert "ZeroDivisionError" in logged
    hidden = (*sender.hidden, *sending.headers().values(), sending.body[:40].decode())
    assert not [word for word in hidden if len(word) > 20 and word in logged + answer.body.decode()]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_secrets_rotate_while_it_runs(provider: str, sender: Sender, tmp_path: Path) -> None:
    """Old and new secret are good at once; when the file changes, the new one alone is, without a restart."""
    new = type(sender)("acme", 0, sender.invent_secret("the next one"))
    file = tmp_path / "secrets"
    file.write_text(f"{sender.secret}\n{new.secret}\n")
    keyless = type(sender)("acme", 0, sender.invent_secret("neither of them"))
    async with running_receiver(NOBODY, "x.", tmp_path, keyless, webhook_secrets_file=str(file)) as receiver:
        for one in (sender, new):
            assert acknowledged(provider, await receiver.send(next(one.stream())))
        watch = ConfigWatch(receiver.live, {})
        file.write_text(new.secret)
        assert watch.look()
        assert (await receiver.send(next(sender.stream()))).status == 401
        assert acknowledged(provider, await receiver.send(next(new.stream())))


async def test_a_request_on_its_way_is_finished_before_the_end(tmp_path: Path) -> None:
    """Stopping takes no new connections, and answers what has begun."""
    sender = senders.LeadSquared()
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        sending = next(sender.stream())
        head = "".join(f"{name}: {value}\r\n" for name, value in sending.headers().items())
        start = f"POST {sending.path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(sending.body)}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.server.port)
        writer.write(start.encode() + sending.body[:10])
        await until(lambda: receiver.server.bodies.size > 0, "the body has begun")
        receiver.stop()

        async def closed() -> bool:
            try:
                await receiver.client.get(receiver.url)
            except aiohttp.ClientConnectionError:
                return True
            return False

        await until(closed, "nobody listens any more")
        writer.write(sending.body[10:])
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert receiver.count("headrace_deliveries_total") == 1
