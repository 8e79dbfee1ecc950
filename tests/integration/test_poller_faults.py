"""What goes wrong at a platform, on a broker: each fault gets its own treatment, and stays one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from headrace.config.tenants import Tenants
from headrace.core.redaction import Redaction
from headrace.kafka.partition_owner import Pace
from headrace.kafka.producer import Transactions
from headrace.poller.fetch_one import fetch
from headrace.poller.state import WrittenRecord
from headrace.records.cursors import Watched, encode, entry
from headrace.sdk.faults import Denied, Gone
from headrace.sdk.limits import CallLimits
from headrace_events import decode_dead_letter
from tests.fake_feeds import FAST
from tests.fake_provider import Row, polled
from tests.integration.fake_platform import platform
from tests.integration.pipeline import until
from tests.integration.poller_harness import PolledPipeline, RunningPoller, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

KEY = "a key of at least thirty-two characters"


async def test_promise_6_a_parked_tenant_disturbs_no_other(kafka: Broker, prefix: str) -> None:
    """Wrong credentials park one tenant, which is shown, and the others are polled."""
    async with platform() as there:
        there.add(*range(10))
        accounts = [polled(there.url, "bad", key="wrong"), polled(there.url, "good", every=1)]
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, *accounts, partitions=1)
        async with pipeline.poller() as working:
            await pipeline.covered(10, tenant="good")

            async def parked() -> bool:
                return (await pipeline.remembered("bad")).standing.parked > 0

            await pipeline.comes(parked, "the tenant is parked")
            there.add(*range(10, 20))
            await pipeline.covered(20, tenant="good")
            remembered = await pipeline.remembered("bad")
            assert (remembered.feeds["rows"].code, remembered.feeds["rows"].failures) == ("denied", 1)
            assert "it says no" in remembered.standing.sentence
            assert working.total("calls_total", tenant="bad", outcome="denied") == 1


async def test_what_may_pass_is_tried_again_and_what_may_not_is_not(kafka: Broker, prefix: str) -> None:
    """A 502, a 429 with a wait and a redirect within the host cost tries only; a 422 ends the turn at once."""
    async with platform() as there:
        there.add(*range(3))
        there.answers["/rows"] = [(502, {}), (429, {"Retry-After": "0.1"}), (307, {"Location": "/again"})]
        there.answers["/again"] = [(302, {"Location": "/rows?after=0&size=7&key=good"})]
        there.answers["/leads/x/rows"] = [(422, {})] * 9
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows", "trail"], leads=["x"])
        )
        async with pipeline.poller():
            await pipeline.covered(3)

            async def shown() -> bool:
                state = (await pipeline.remembered()).feeds.get("trail")
                return state is not None and state.code == "rejected"

            await pipeline.comes(shown, "the rejection is shown")
        assert there.calls["/leads/x/rows"] <= 2  # once more after the other feed has shown that the platform is well


async def test_a_redirect_to_another_host_is_not_followed(kafka: Broker, prefix: str) -> None:
    """Credentials go to one host only."""
    async with platform() as there, platform() as elsewhere:
        there.answers["/rows"] = [(302, {"Location": f"{elsewhere.url}/rows"})] * 99
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        async with pipeline.poller():

            async def shown() -> bool:
                state = (await pipeline.remembered()).feeds.get("rows")
                return state is not None and "another host" in state.sentence

            await pipeline.comes(shown, "the redirect is shown")
        assert not elsewhere.calls


async def test_promise_7_keys_show_nowhere(kafka: Broker, prefix: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A key that travels in the URL is in no log pipeline, no state, and no record but the platform's own."""
    async with platform() as there:
        url, secret = there.url, "s3cr3t-key-of-the-tenant"
    pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(url, key=secret))  # nobody listens there
    async with pipeline.poller():

        async def shown() -> bool:
            state = (await pipeline.remembered()).feeds.get("rows")
            return state is not None and state.code == "unavailable"

        await pipeline.comes(shown, "the outage is shown")
    stored = [(record.key, record.value) for record in await pipeline.records("cursors")]
    assert secret not in f"{stored}{capfd.readouterr()}"


async def test_a_budget_outlives_a_restart(kafka: Broker, prefix: str) -> None:
    """What was spent stays spent, whoever polls, and a successor waits until the short window has passed."""
    async with platform() as there:
        there.add(*range(1_000))
        limits = CallLimits(per_window=1_000, window=0.5, per_day=20)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, limits=limits, page=1))

        async def spent() -> int:
            spending = (await pipeline.remembered()).spending
            return sum(spending.day.values()) if spending else 0

        async def some_is_spent() -> bool:
            return await spent() >= 8

        async def all_is_spent() -> bool:
            return await spent() == 20

        for _ in range(3):
            async with pipeline.poller():
                await pipeline.comes(some_is_spent, "some is spent")
        async with pipeline.poller():
            await pipeline.comes(all_is_spent, "all is spent")
        # A call is written before it is made, so each of the four pollers may have left one that it did not make.
        assert there.calls["/rows"] <= await spent() == 20 <= there.calls["/rows"] + 4


async def test_a_stop_in_the_middle_of_a_commit_leaves_no_wait(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit ends, then what was spent is stored: a successor waits for no calls that were never made."""
    under_way, commit = 0, AIOKafkaProducer.commit_transaction

    async def observed(producer: AIOKafkaProducer) -> None:
        nonlocal under_way
        under_way += 1
        try:
            await commit(producer)
        finally:
            under_way -= 1

    monkeypatch.setattr(AIOKafkaProducer, "commit_transaction", observed)
    async with platform() as there:
        there.add(*range(1_000))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, page=1))
        for upto in (10, 20, 30):
            async with pipeline.poller():
                await pipeline.covered(upto)
                await until(lambda: under_way > 0, "a commit is under way", every=0.0)
            spending = (await pipeline.remembered()).spending
            assert spending is not None
            assert spending.until <= time.time()


async def test_tokens_rotate_and_a_successor_goes_on_with_them(kafka: Broker, prefix: str) -> None:
    """The first refresh token is used once; whoever is next uses the access token that was kept, sealed."""
    async with platform() as there:
        there.add(*range(5))
        there.refresh = {"first"}
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, refresh="first", token_key=KEY, every=1)
        )
        async with pipeline.poller():
            await pipeline.covered(5)
        there.add(*range(5, 9))
        async with pipeline.poller():
            await pipeline.covered(9)
            there.keys = {"revoked"}  # it expires in mid-run
            there.add(*range(9, 12))
            await pipeline.covered(12)
        assert there.minted == ["first", "refresh1"]
        stored = [(record.key, record.value) for record in await pipeline.records("cursors")]
        assert not any(word in f"{stored}" for word in ("access1", "refresh1", "refresh2", "first"))
        (account,) = pipeline.config.tenants
        (found,) = await fetch(pipeline.config, account, "thing", "3")
        assert found.offset >= 0


async def test_a_lost_key_is_overcome_with_a_new_refresh_token(kafka: Broker, prefix: str) -> None:
    """Another key alone parks the tenant, and uses no token up; with a new refresh token it begins anew."""
    async with platform() as there:
        there.add(1)
        there.refresh = {"first"}
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, refresh="first", token_key=KEY, every=1), partitions=1
        )
        async with pipeline.poller():
            await pipeline.covered(1)
        there.add(2)
        for refresh in ("first", "second"):
            account = polled(there.url, refresh=refresh, token_key="another" + KEY, every=1)
            pipeline.config = replace(pipeline.config, tenants=Tenants([account]))
            there.refresh.add(refresh)
            async with pipeline.poller():
                if refresh == "first":
                    await pipeline.comes(lambda: _parked(pipeline), "the tenant is parked")
                else:
                    await pipeline.covered(2)
        assert there.minted == ["first", "second"]


async def _parked(pipeline: PolledPipeline) -> bool:
    return bool((await pipeline.remembered()).standing.parked)


async def test_a_mint_whose_answer_was_lost_is_tried_with_what_is_left(kafka: Broker, prefix: str) -> None:
    """The answer got lost when the token had been rotated already: the token that was used is tried again."""
    async with platform() as there:
        there.add(*range(5))
        there.refresh = {"first"}
        there.spoil_mint = True
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, refresh="first", token_key=KEY), partitions=1
        )
        async with pipeline.poller():
            await pipeline.comes(lambda: _minted(there.minted, 1), "the platform has minted")
        token = (await pipeline.remembered()).token
        assert token is not None
        assert token.intent > token.minted
        there.spoil_mint = False
        there.refresh.add("first")
        async with pipeline.poller():
            await pipeline.covered(5)
        token = (await pipeline.remembered()).token
        assert token is not None
        assert token.minted >= token.intent
        assert set(there.minted) == {"first"}


async def test_a_mint_in_progress_outlives_the_poller(kafka: Broker, prefix: str) -> None:
    """The platform has minted and not answered yet when the poller stops: the tokens are stored before it ends."""
    async with platform() as there:
        there.add(*range(5))
        there.refresh = {"first"}
        there.hang_mints = asyncio.Event()
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, refresh="first", token_key=KEY), partitions=1
        )
        async with asyncio.TaskGroup() as group, pipeline.poller() as working:
            await pipeline.comes(lambda: _minted(there.minted, 1), "the platform has minted")
            group.create_task(_set_once_stopped(there.hang_mints, working))
        token = (await pipeline.remembered()).token
        assert token is not None
        assert not token.lost
        there.refresh.discard("first")
        async with pipeline.poller():
            await pipeline.covered(5)
        assert there.minted == ["first"]


async def _set_once_stopped(event: asyncio.Event, working: RunningPoller) -> None:
    await until(lambda: working.ended.cancelling() > 0, "the poller is to stop")
    event.set()


async def test_the_platforms_clock_is_followed(kafka: Broker, prefix: str) -> None:
    """Where the platform's clock differs, its time is what feeds see, and the difference is shown."""
    async with platform() as there:
        there.add(1, 2)
        there.date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, page=1))
        async with pipeline.poller() as working:
            await pipeline.covered(2)
            skew = working.total("clock_skew_seconds", tenant="t")
        assert skew == pytest.approx(3_600, abs=120)


async def test_one_record_is_fetched_by_its_id(kafka: Broker, prefix: str) -> None:
    """It is in raw; what does not exist raises, and so does what the credentials do not allow."""
    async with platform() as there:
        there.add(41, 42)
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url), polled(there.url, "b", key="bad")
        )
        good, bad = pipeline.config.tenants
        assert len(await fetch(pipeline.config, good, "thing", "42")) == 1
        assert await pipeline.ids() == [42]
        with pytest.raises(Gone):
            await fetch(pipeline.config, good, "thing", "43")
        with pytest.raises(Denied):
            await fetch(pipeline.config, bad, "thing", "42")


async def test_a_cursor_that_is_too_large_breaks_its_feed_alone(kafka: Broker, prefix: str) -> None:
    """What Kafka would refuse for ever is not tried, and whoever shares the partition is polled."""
    async with platform() as there:
        there.add(*range(10))
        accounts = [polled(there.url, "bad", feeds=["bloated"]), polled(there.url, "good")]
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, *accounts, partitions=1)
        async with pipeline.poller():
            await pipeline.covered(10, tenant="good")

            async def shown() -> bool:
                state = (await pipeline.remembered("bad")).feeds.get("bloated")
                return state is not None and (state.code, state.sentence) == ("broken", "TooLarge")

            await pipeline.comes(shown, "the broken feed is shown")


async def test_a_row_that_raw_never_takes_becomes_a_dead_letter(kafka: Broker, prefix: str) -> None:
    """It is kept whole beside its problem, and the page it stood in goes on."""
    async with platform() as there:
        there.add(*range(5))
        there.rows["/rows"].append(Row(5, 1, "x" * 2_200_000))
        there.add(6)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        async with pipeline.poller():
            await pipeline.covered(7)
        assert sorted(await pipeline.ids()) == [0, 1, 2, 3, 4, 6]
        (letter,) = await pipeline.records("dead-letters")
        dead_letter = decode_dead_letter(letter.headers)
        assert (dead_letter.problem.code, dead_letter.source, dead_letter.via, dead_letter.id) == (
            "too_large",
            "/things/t",
            "poll",
            "5",
        )
        assert "2,200," in dead_letter.problem.detail
        assert msgspec.json.decode(letter.value, type=Row).text == "x" * 2_200_000


async def test_what_is_too_large_of_a_tenant_that_redacts_is_kept_nowhere(kafka: Broker, prefix: str) -> None:
    """Its dead letter says so, and has no bytes."""
    async with platform() as there:
        there.add(1)
        there.rows["/rows"].append(Row(5, 1, "x" * 2_200_000))
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, redact=Redaction(drop=["text"]))
        )
        async with pipeline.poller():
            await pipeline.covered(2)
        (letter,) = await pipeline.records("dead-letters")
        found = decode_dead_letter(letter.headers)
        assert (letter.value, found.redacted, found.id) == (b"", True, "5")
        assert "none are kept here" in found.problem.detail


async def test_a_quota_that_is_used_up_holds_the_next_call(kafka: Broker, prefix: str) -> None:
    """Where the platform says that nothing is left, nothing is asked until it is."""
    async with platform() as there:
        there.add(1, 2, 3)
        there.answers["/rows"] = [(429, {"Retry-After": "3600"})]
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, limits=FAST, every=1))
        async with pipeline.poller() as working:

            async def throttled() -> bool:
                return working.total("turns_total", tenant="t", feed="rows", outcome="throttled") > 0

            await pipeline.comes(throttled, "the tenant is throttled")
            (tenant,) = [tenant for one in working.poller.partitions.values() for tenant in one.tenants.values()]
            assert (tenant.budget.wait(tenant.clock.now()) or 0) > 3_000
            assert there.calls["/rows"] == 1


async def _minted(minted: list[str], count: int) -> bool:
    await asyncio.sleep(0)
    return len(minted) >= count


async def test_promise_1_what_does_not_stand_in_cursors_is_not_remembered(kafka: Broker, prefix: str) -> None:
    """An acknowledged commit that was aborted later is no memory: what is written upon it would skip what it held."""
    async with platform() as there:
        there.add(*range(3))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1), partitions=1)
        async with pipeline.poller(Pace(heartbeat=1.0)) as working:
            await pipeline.covered(3)
            memory = working.poller.partitions[0]._remembered
            known = memory.of("/things/t")
            async with _fenced(pipeline):
                assert memory.last is not None
            await pipeline.comes(lambda: _restored(working, 2), "it took over again")
            assert memory.of("/things/t") is known
            lost = entry("/things/t", Watched(1, "event"), "lost")
            async with _fenced(pipeline):  # nothing is written upon it before it restores
                memory.apply([lost])
                memory.last = WrittenRecord(memory.read_to, encode(lost).key, encode(lost).value)
            await pipeline.comes(lambda: _restored(working, 3), "it took over a second time")
            assert not memory.of("/things/t").leads
            assert memory.of("/things/t").positions
            there.add(*range(3, 6))
            await pipeline.covered(6)


@contextlib.asynccontextmanager
async def _fenced(pipeline: PolledPipeline) -> AsyncIterator[None]:
    """Fence the owner of the only partition."""
    other = Transactions(pipeline.config.kafka, f"{pipeline.config.topic_prefix}poller-0")
    await other.fence()
    try:
        yield
    finally:
        await other.close()


async def _restored(working: RunningPoller, times: int) -> bool:
    return working.total("restore_duration_seconds_count") >= times
