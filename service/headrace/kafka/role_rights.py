"""Whether Kafka lets this user do what a role does: asked before the role begins, and again where it was refused.

Without the question, a role would find out one refusal at a time, from an error that does not name the operation.
"""

import asyncio
from typing import Final

import structlog
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from headrace.config import Config
from headrace.kafka.acls import Acl, acls
from headrace.kafka.client import KafkaError
from headrace.kafka.cluster_check import ClusterCheck, Denial, cluster_check
from headrace.kafka.topics import UnfitTopics

REFUSED: Final = (GroupAuthorizationFailedError, TopicAuthorizationFailedError, TransactionalIdAuthorizationFailed)
"""What the client raises where ACLs forbid what a role does all the time."""
ASK_SECONDS: Final = 3.0
"""Time for all questions together: a broker that hangs must not hold up a start."""

_log = structlog.get_logger()


class MissingRights(UnfitTopics):
    """What this user may not do; the text says which ACLs are missing, and how to get all of them."""


class RoleRights:
    """What one role may do. What it can do without is logged as missing, once."""

    def __init__(self, config: Config, role: str) -> None:
        self._config: Final = config
        self._role: Final = role
        self._logged: set[str] = set()

    async def check(self) -> None:
        """Raise `MissingRights` where something is missing. Where nobody can tell, whatever comes next finds out."""
        needed = acls(self._role, self._config.topic_prefix)
        try:
            async with asyncio.timeout(ASK_SECONDS), cluster_check(self._config.kafka) as cluster:
                denials = await _denials(cluster, needed, optional=False)
                without = await _denials(cluster, needed, optional=True)
        except (KafkaError, TimeoutError, OSError):
            return
        self._log_missing(without)
        if denials:
            hint = f"`headrace topics acls --role {self._role}` prints what the {self._role} needs"
            raise MissingRights(*map(str, denials[:-1]), f"{denials[-1]}; {hint}")

    def _log_missing(self, denials: list[Denial]) -> None:
        lacking = {str(denial) for denial in denials}
        for reason in sorted(lacking - self._logged):
            _log.warning("right_missing", role=self._role, reason=reason)
        self._logged = lacking


async def _denials(cluster: ClusterCheck, needed: list[Acl], *, optional: bool) -> list[Denial]:
    return list((await cluster.rights(acl for acl in needed if acl.optional is optional)).denials)
