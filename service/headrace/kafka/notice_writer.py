"""Write the notices of a process to `notices`: best effort, beside everything else and in nobody's way.

Kafka is connected to where there is something to write or to look up, and for no longer. Without the topic, or the
right to it, notices wait, up to a bound; that is one line of the log, and nothing else.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import structlog
from aiokafka.errors import KafkaConnectionError

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.partitioner import partitions
from headrace.kafka.topic_follower import NoTopic, TopicFollower
from headrace.observe.notices import Notices
from headrace.records.notice import decode_notice, encode_notice
from headrace_events import Notice

NOTICES: Final = "notices"
TOGETHER_SECONDS: Final = 1.0
"""What comes within it is written together."""
LOOK_SECONDS: Final = 60.0
"""Between two looks for what is to be written again."""
WRITE_SECONDS: Final = 30.0
APPEND_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 300.0
LAST_WRITE_SECONDS: Final = 2.0
"""What the writer gets when its process stops."""
MOST_READ: Final = 20_000
"""Keys of the topic that are looked at; the oldest are passed over."""

_log = structlog.get_logger()


class NoticeWriter:
    """Writes what `notices` have, as a task beside the roles."""

    def __init__(self, config: Config, notices: Notices) -> None:
        self._kafka: Final = config.kafka
        self._topic: Final = config.topic_prefix + NOTICES
        self._notices: Final = notices
        self._pause = 0.0
        self._logged = ""
        self._passed_over = 0

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._notices.news.wait()
            await asyncio.sleep(max(TOGETHER_SECONDS, self._pause))
            self._notices.news.clear()
            await self._try()

    async def end(self) -> None:
        """Write once more, for a moment, where that went well before."""
        self._notices.ends = True
        if not self._pause:
            with contextlib.suppress(KafkaError, TimeoutError, OSError, NoTopic):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self.write()

    async def write(self) -> None:
        """Write what is to be written now. Raises `NoTopic`, `KafkaError`, `TimeoutError`, `OSError`."""
        notices = self._notices
        if not notices.unsettled and not notices.has_due:
            return
        async with Consumer(self._kafka, committed=False) as log:
            topic = TopicFollower(log, self._topic)
            count = await topic.partitions()
            if notices.unsettled:
                notices.settle(await self._read(topic))
        if found := notices.due():
            missing = {notice.partitionkey for notice in found}
            try:
                missing = await self._append(found, count)
            finally:
                notices.failed(missing)

    async def _read(self, topic: TopicFollower) -> dict[str, Notice]:
        """Read the topic; that there are records which are no notices is one line of the log."""
        found, passed_over = await read_notices(topic)
        if passed_over != self._passed_over:
            self._passed_over = passed_over
            _log.warning("notices_passed_over", topic=self._topic, records=passed_over, reason="they are no notices")
        return found

    async def _append(self, found: Sequence[Notice], count: int) -> set[str]:
        """Append notices to `count` partitions; return the keys of those that Kafka did not take."""
        keys, records = [notice.partitionkey for notice in found], [encode_notice(notice) for notice in found]
        placed = list(zip(partitions([record.key for record in records], count), records, strict=True))
        async with Appender(self._kafka) as appender:
            errors = await appender.append_each(self._topic, placed, APPEND_SECONDS)
        self._notices.written(key for key, error in zip(keys, errors, strict=True) if error is None)
        return {key for key, error in zip(keys, errors, strict=True) if error is not None}

    async def _try(self) -> None:
        """Write; where that fails, wait longer each time before the next try."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self.write()
        except NoTopic:
            self._fail(f"no topic {self._topic} is to be seen: `headrace topics apply` creates it")
        except (KafkaConnectionError, TimeoutError, OSError):
            self._fail("")  # that Kafka is away is logged by everybody else
        except KafkaError as error:
            self._fail(type(error).__name__)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is in nobody's way)
            _log.error("notice_writer_broke", exc_info=error)
            self._fail("")
        else:
            self._pause, self._logged = 0.0, ""

    def _fail(self, reason: str) -> None:
        if reason and reason != self._logged:
            self._logged = reason
            _log.warning("notices_not_written", reason=reason)
        self._pause = min(max(FIRST_PAUSE_SECONDS, 2 * self._pause), LONGEST_PAUSE_SECONDS)
        self._notices.news.set()  # what waits is tried again


async def read_notices(topic: TopicFollower) -> tuple[dict[str, Notice], int]:
    """Return the newest notice of each key, and how many records are none. Raises as `TopicFollower.news` does."""
    found: dict[str, Notice] = {}
    passed_over = 0
    async with contextlib.aclosing(topic.news()) as news:
        async for records in news:
            passed_over += take_notices(found, records)
    return found, passed_over


def take_notices(found: dict[str, Notice], records: Sequence[Record]) -> int:
    """Take over records of the topic, in their order; return how many are no notices, which are passed over."""
    passed_over = 0
    for record in records:
        key = record.key or b""
        found.pop(key.decode("utf-8", "replace"), None)
        if record.value is None:
            continue
        try:
            notice = decode_notice(key, record.value)
        except ValueError:
            passed_over += 1
        else:
            found[notice.partitionkey] = notice
    while len(found) > MOST_READ:
        del found[next(iter(found))]
    return passed_over


@contextlib.asynccontextmanager
async def writing_notices(config: Config, notices: Notices) -> AsyncIterator[None]:
    """Write notices while the block runs, and for a moment longer."""
    writer = NoticeWriter(config, notices)
    running = asyncio.create_task(writer.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])
        await writer.end()
