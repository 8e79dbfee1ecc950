"""The subjects of our schemas in a registry, and how one is brought to what it should be."""

from typing import Final

import msgspec

from headrace.cli._schema_registry import IncompatibleError, RegistryError, SchemaRegistry
from headrace_events.json_schema import draft_07, schema_of
from headrace_events.public_topics import PUBLIC_TOPICS

LEVEL: Final = "FORWARD"
"""Consumers of the version before read what is published by the new one: fields are added, and none goes."""


class Subject(msgspec.Struct, frozen=True):
    """One schema, by the name that TopicNameStrategy gives it."""

    name: str
    schema: str
    """In draft-07, which every registry can compare."""


class SubjectState(msgspec.Struct, frozen=True):
    """What a subject is now, or would be."""

    subject: str
    version: int | None
    compatibility: str | None
    state: str
    detail: str = ""

    @property
    def well(self) -> bool:
        """Return whether nothing is wrong with it."""
        return self.state not in {"refused", "failed"}


def subjects(prefix: str) -> list[Subject]:
    """Return the subjects of the topics whose values are JSON, with this prefix."""
    return [
        Subject(
            f"{prefix}{topic.name}-value",
            msgspec.json.encode(draft_07(schema_of(topic.struct, topic.schema_id))).decode(),
        )
        for topic in PUBLIC_TOPICS
        if topic.header is None
    ]


async def register(registry: SchemaRegistry, subject: Subject, *, dry_run: bool) -> SubjectState:
    """Bring a subject to what it should be, or show what would be done. It can be run again at any time.

    1. Look whether the registry has this very schema, and at which compatibility level the subject is.
    2. Set the level of a subject that exists: the registry shall compare by it.
    3. Register the schema, unless it is there.
    4. Set the level of a new subject: some registries know none of a subject that has no version.
    """
    try:
        return await _register(registry, subject, dry_run=dry_run)
    except IncompatibleError as refused:
        return SubjectState(subject.name, None, None, "refused", str(refused))
    except RegistryError as failed:
        return SubjectState(subject.name, None, None, "failed", str(failed))


async def _register(registry: SchemaRegistry, subject: Subject, *, dry_run: bool) -> SubjectState:
    version = await registry.version_of(subject.name, subject.schema)  # 1
    latest = version if version is not None else await registry.latest(subject.name)
    level = await registry.compatibility(subject.name)
    if dry_run:
        return await _foreseen(registry, subject, version, latest, level)
    if latest is not None and level != LEVEL:  # 2
        await registry.set_compatibility(subject.name, LEVEL)
    if version is None:  # 3
        await registry.register(subject.name, subject.schema)
    if latest is None:  # 4
        await registry.set_compatibility(subject.name, LEVEL)
    if version is None:
        found = await registry.version_of(subject.name, subject.schema)
        if found is None:
            raise RegistryError("it took the schema, and does not have it")
        return SubjectState(subject.name, found, LEVEL, "registered")
    return SubjectState(subject.name, version, LEVEL, "unchanged" if level == LEVEL else "level set")


async def _foreseen(
    registry: SchemaRegistry, subject: Subject, version: int | None, latest: int | None, level: str | None
) -> SubjectState:
    """Return what would be done."""
    if version is not None:
        state = "unchanged" if level == LEVEL else "level to set"
        return SubjectState(subject.name, version, level, state)
    if latest is None:
        return SubjectState(subject.name, None, level, "to register")
    if level != LEVEL:
        detail = f"not compared with version {latest}: that needs the level {LEVEL}"
        return SubjectState(subject.name, latest, level, "to register", detail)
    if await registry.is_compatible(subject.name, subject.schema):
        return SubjectState(subject.name, latest, level, "to register", f"compatible with version {latest}")
    return SubjectState(subject.name, latest, level, "refused", f"it is not compatible with version {latest}")
