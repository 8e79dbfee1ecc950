"""What `headrace status` reads: `cursors` and `notices`, each on from where it was read before."""

import contextlib
from typing import Final

from headrace.cli._output import progress
from headrace.config import Config
from headrace.kafka.consumer import Consumer
from headrace.kafka.notice_writer import NOTICES, take_notices
from headrace.kafka.topic_follower import NoTopic, TopicFollower
from headrace.poller.state import PartitionState
from headrace.records.cursors import decode
from headrace_events import Notice


class StatusTopics:
    """What stands on both topics, as of the last look. Tokens stay sealed."""

    def __init__(self, config: Config, log: Consumer) -> None:
        self.state: Final = PartitionState()
        self.notices: Final[dict[str, Notice]] = {}
        self.remark = ""
        self._cursors: Final = TopicFollower(log, f"{config.topic_prefix}cursors")
        self._notices: Final = TopicFollower(log, f"{config.topic_prefix}{NOTICES}")
        self._read = 0

    async def look(self) -> None:
        """Read what is new. Raises `KafkaError`, `TimeoutError`, `NoTopic`, and `NewerFormat`."""
        async with contextlib.aclosing(self._cursors.news()) as news:
            async for records in news:
                self.state.apply([decode(record.key or b"", record.value or b"") for record in records])
                self._read += len(records)
                progress(f"{self._read:,} records of {self._cursors.topic} read")
        progress("")
        try:
            async with contextlib.aclosing(self._notices.news()) as news:
                async for records in news:
                    take_notices(self.notices, records)
            self.remark = ""
        except NoTopic:
            self.remark = f"There is no topic {self._notices.topic}, so no notice: `headrace topics apply` creates it."
