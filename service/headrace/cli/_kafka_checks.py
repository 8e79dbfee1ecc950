"""How Kafka looks, as rows of `headrace check --online`."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from headrace.cli._acl_rows import options
from headrace.cli._check_rows import CheckRow, CheckState
from headrace.cli._formatting import count
from headrace.config import Config
from headrace.kafka.acls import DESCRIBE, END_HANGING, Acl, acls
from headrace.kafka.client import KafkaError, refusal
from headrace.kafka.cluster_check import BrokerFound, ClusterCheck, Denial, Rights, cluster_check, listening
from headrace.kafka.topics import ALL, OPTIONAL, UnfitTopics, describe, verify
from headrace.poller.state import PartitionState, TenantState, read_all
from headrace.records.newer_format import NewerFormat

_KAFKA: Final = "kafka"
_SERVICE: Final = ("receiver", "normalizer", "poller")
"""What one user needs to run the whole service."""
_READ_SECONDS: Final = 300.0
"""A million leads take a minute."""
_NO_ANSWER: Final = (KafkaError, TimeoutError, OSError)
_ADD: Final = "kafka-acls.sh --add --allow-principal User:NAME"


async def kafka_rows(config: Config) -> list[CheckRow]:
    """Return what was found of Kafka: reach, versions, rights and topics."""
    try:
        async with cluster_check(config.kafka) as cluster:
            rows, hidden = await _cluster_rows(config, cluster)
    except _NO_ANSWER as error:
        reach = await _unreached(config, error)
        return [reach, *(_unknown(name, "Kafka does not answer") for name in ("versions", "rights", "topics"))]
    if hidden:  # they would be taken for missing
        return [*rows, _unknown("topics", "this user may not see all of them")]
    return [*rows, *await _topic_rows(config)]


class PollerMemory(Struct, frozen=True):
    """What pollers remember: `state` None where it cannot be read. `budgets`: there may be pollers that count calls."""

    state: PartitionState | None
    budgets: bool = True
    rows: Sequence[CheckRow] = ()

    def of(self, source: str) -> TenantState | None:
        """Return what is remembered of a tenant, None where nobody knows."""
        return self.state.of(source) if self.state else None


async def read_memory(config: Config) -> PollerMemory:
    """Return what pollers remember; without their topics there was none yet."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            present = await describe(config)
            if not {f"{config.topic_prefix}cursors", f"{config.topic_prefix}nudges"} <= present.keys():
                return PollerMemory(PartitionState(), budgets=False)
            return PollerMemory(await read_all(config))
    except NewerFormat as refused:
        return _unread(str(refused), "run the newer version of this program")
    except _NO_ANSWER as error:
        found = f"what pollers remember could not be read ({type(error).__name__})"
        return _unread(found, "mend what is said of Kafka above, and check again")


def _unread(found: str, hint: str) -> PollerMemory:
    return PollerMemory(None, rows=[CheckRow(_KAFKA, "cursors", "fault", found, hint)])


async def _cluster_rows(config: Config, cluster: ClusterCheck) -> tuple[list[CheckRow], bool]:
    """Return what was found of brokers and rights, and whether there may be topics that this user does not see."""
    brokers = await cluster.brokers()
    hidden = False
    try:
        rights = await cluster.rights([*_required(_SERVICE, config.topic_prefix), END_HANGING])
        hidden = any(DESCRIBE in denial.operations for denial in rights.denials)
        rights_rows = list(right_rows(rights))
        if any(row.state == "fault" for row in rights_rows) and (fit := await _fit(cluster, config.topic_prefix)):
            found = (
                f"this user may do what {' and '.join(fit)} {'needs' if len(fit) == 1 else 'need'}, and not all else"
            )
            rights_rows = [CheckRow(_KAFKA, "rights", "ok", found)]
    except _NO_ANSWER as error:
        rights_rows = [_unknown("rights", f"Kafka did not say ({type(error).__name__})")]
    return [*reach_rows(brokers, config.kafka.bootstrap_servers), *version_rows(brokers), *rights_rows], hidden


def _required(roles: Iterable[str], prefix: str) -> list[Acl]:
    return [acl for role in roles for acl in acls(role, prefix) if not acl.optional]


async def _fit(cluster: ClusterCheck, prefix: str) -> list[str]:
    """Return the roles for which this user lacks nothing: each may have a user of its own."""
    return [role for role in _SERVICE if not (await cluster.rights(_required([role], prefix))).denials]


async def _topic_rows(config: Config) -> list[CheckRow]:
    try:
        await verify(config)
        present = await describe(config)
    except UnfitTopics as unfit:
        return [CheckRow(_KAFKA, "topics", "fault", *_advice(fault)) for fault in unfit.faults]
    except _NO_ANSWER as error:
        return [_unknown("topics", f"Kafka did not describe them ({type(error).__name__})")]
    return [CheckRow(_KAFKA, "topics", "ok", topics_found(config.topic_prefix, present))]


def topics_found(prefix: str, present: Collection[str]) -> str:
    """Return what is said of topics that are as they must be, given those that exist."""
    missing = [prefix + name for name in OPTIONAL if prefix + name not in present]
    if not missing:
        return f"all {len(ALL)} of {prefix}* keep what is promised"
    without = f"without {', '.join(missing)} `headrace status` lists nothing that is open: `headrace topics apply`"
    return f"{len(ALL) - len(missing)} of {prefix}* keep what is promised; {without}"


async def _unreached(config: Config, error: Exception) -> CheckRow:
    """Return that no broker answers, and whether anybody listens where they should."""
    servers, name = config.kafka.bootstrap_servers, type(error).__name__
    if refused := refusal():
        found, _, hint = refused.partition(": " if ": " in refused else "; ")
        return CheckRow(_KAFKA, "reach", "fault", found, hint)
    if there := await listening(config.kafka):
        return CheckRow(
            *(_KAFKA, "reach", "fault", f"{', '.join(there)} takes connections, and gives no answer of Kafka ({name})"),
            next=(
                "look whether Kafka is well there; else mend security_protocol, sasl_mechanism, the user and its "
                "password or the certificates in [kafka]"
            ),
        )
    return CheckRow(
        *(_KAFKA, "reach", "fault", f"nobody answers at {servers} ({name})"),
        next="start Kafka, or mend bootstrap_servers in [kafka] (HEADRACE_KAFKA__BOOTSTRAP_SERVERS)",
    )


def reach_rows(brokers: Sequence[BrokerFound], servers: str) -> Iterator[CheckRow]:
    """Yield which brokers do not answer, or that all do."""
    silent = [broker for broker in brokers if broker.fault]
    for broker in silent:
        found = f"broker {broker.number} does not answer at {broker.address} ({broker.fault})"
        hint = "start it; where it runs, let its advertised.listeners name an address that is reached from here"
        yield CheckRow(_KAFKA, "reach", "fault", found, hint)
    if not brokers:
        yield _unknown("reach", f"{servers} names no broker yet")
    elif not silent:
        yield CheckRow(_KAFKA, "reach", "ok", f"{count(len(brokers), 'broker')} of {servers} answering")


def version_rows(brokers: Sequence[BrokerFound]) -> Iterator[CheckRow]:
    """Yield which brokers are too old for what is promised, or that none is."""
    answered = [broker for broker in brokers if not broker.fault]
    for broker in answered:
        if broker.lacks:
            found = f"broker {broker.number} is older than Kafka 3.1: it does not know {', '.join(broker.lacks)}"
            hint = "upgrade it: until then a topic made anew, or a transaction that hangs, is not noticed"
            yield CheckRow(_KAFKA, "versions", "fault", found, hint)
    if not answered:
        yield _unknown("versions", "no broker answers")
    elif not any(broker.lacks for broker in answered):
        yield CheckRow(_KAFKA, "versions", "ok", "Kafka 3.1 or newer")


def right_rows(rights: Rights) -> Iterator[CheckRow]:
    """Yield what this user may not do, or that nothing is missing as far as it shows."""
    for denial in rights.denials:
        # ALTER on the cluster is needed where a transaction hangs, and not before
        state: CheckState = "unknown" if denial.kind == "cluster" else "fault"
        yield CheckRow(_KAFKA, "rights", state, str(denial), f"{_ADD} {_grant(denial)}")
    if rights.unseen:
        yield _unknown("rights", f"Kafka does not say what this user may do with {', '.join(rights.unseen)}")
    elif not rights.denials:
        yield CheckRow(_KAFKA, "rights", "ok", "none is missing, as far as Kafka tells")


def _grant(denial: Denial) -> str:
    prefixed = denial.kind == "transactional-id"  # one a partition
    name = denial.name.removesuffix("0") if prefixed else denial.name
    return options(denial.kind, name, denial.brought_by or denial.operations, prefixed=prefixed)


def _advice(fault: str) -> tuple[str, str]:
    """Return a fault of topics as what is the case and what to do: they stand in one sentence, advice last."""
    found, _, advice = fault.rpartition("; ")
    return (found, advice) if found else (fault, "set it with kafka-configs.sh, and look at headrace topics show")


def _unknown(check: str, reason: str) -> CheckRow:
    return CheckRow(_KAFKA, check, "unknown", reason)
