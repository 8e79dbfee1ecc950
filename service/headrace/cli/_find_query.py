"""Which ids `headrace find` looks for: a CloudEvents id, or a native one, of one tenant or of all."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.config import Config
from headrace.core.suggestions import did_you_mean
from headrace.providers.discover import discover
from headrace.records.raw import digest
from headrace.sdk.provider import Provider, source_of

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSION: Final = r"(?:\d+(?:-[0-9a-f]{8})?|[0-9a-f]{8})"
_SOURCE: Final = re.compile(r"/[^/]+/[^/]+")
_REPLAYED: Final = re.compile(r"(?:~[0-9a-f]{8})+$")


class SoughtId(Struct, frozen=True):
    """One id of one tenant, and the version that the command line names, an empty text for all of them."""

    source: str
    resource: str
    id: str
    version: str = ""

    @property
    def key(self) -> bytes:
        """The digest that places and remembers it."""
        return digest(self.source, self.resource, self.id)

    @property
    def base(self) -> str:
        """`<resource>/<native id>`, with which the ids of its events begin."""
        return f"{self.resource}/{self.id}"

    def is_of(self, event_id: str) -> bool:
        """Return whether a CloudEvents id is that of one of its versions."""
        rest = event_id.removeprefix(self.base)
        return event_id.startswith(self.base) and re.fullmatch(rf"(?:/{_VERSION})?(?:~.*)?", rest) is not None


def sources(config: Config, provider: Provider | None, tenant: str | None) -> list[str]:
    """Return the sources that are meant: of all tenants that are configured, or the one that is named, known or not."""
    if provider is not None and tenant is not None:
        return [source_of(provider.name, tenant)]
    found = [*config.tenants.by_source, *config.tenants.left_out]
    of = f"/{provider.name}/" if provider is not None else "/"
    return sorted(source for source in found if source.startswith(of) and tenant in {None, source.split("/")[2]})


def sought_by_event_id(config: Config, text: str, provider: Provider | None, tenant: str | None) -> list[SoughtId]:
    """Return what a CloudEvents id may be about, `<resource>/<native id>[/<version>][~mapping]`.

    Its last part may be a version or belong to the native id: both are looked for. Raises `BadParameter`.
    """
    resource, _, rest = text.partition("/")
    whole = _REPLAYED.sub("", rest)
    if not whole:
        raise click.BadParameter(f'"{text}" is no id such as call/c-2207 or call/c-2207/1790841845', param_hint="--id")
    without, _, last = whole.rpartition("/")
    natives = [(canonical(whole), "")]
    if without and re.fullmatch(_VERSION, last):
        natives.append((canonical(without), last))
    having = [source for source in sources(config, provider, tenant) if resource in _resources(source)]
    if provider is not None:
        arguments.check_resource(provider, resource)
    elif not having:
        known = sorted({name for one in discover().values() for name in one.resources})
        raise click.BadParameter(
            f'no tenant has a resource "{resource}"{did_you_mean(resource, known)}; there are {", ".join(known)}',
            param_hint="--id",
        )
    return [SoughtId(source, resource, native, version) for source in having for native, version in natives]


def sought_by_native_id(
    config: Config, native: str, provider: Provider, tenant: str | None, resource: str | None
) -> list[SoughtId]:
    """Return what a native id may be about: a resource of the provider, or any of them."""
    arguments.check_resource(provider, resource)
    names = [resource] if resource is not None else list(provider.resources)
    found = sources(config, provider, tenant)
    return [SoughtId(source, name, canonical(native)) for source in found for name in names]


def lead_keys(found: Iterable[str], lead: str) -> Sequence[str]:
    """Return the keys of a lead's events in these sources."""
    return [f"{source}/lead/{canonical(lead.removeprefix('lead/'))}" for source in found]


def canonical(native: str) -> str:
    """Return a native id as it is remembered: GUIDs in lower case."""
    return native.lower() if _GUID.fullmatch(native) else native


def split_source(text: str) -> tuple[Provider, str]:
    """Return the provider and the tenant of a source, `/<provider>/<tenant>`. Raises `BadParameter`."""
    _, name, tenant = (text if _SOURCE.fullmatch(text) else "//").split("/")
    known = discover()
    if name not in known:
        raise click.BadParameter(f'"{text}" is no source such as /PROVIDER/TENANT', param_hint="--source")
    return known[name], tenant


def _resources(source: str) -> Iterable[str]:
    provider = discover().get(source.split("/")[1])
    return provider.resources if provider is not None else ()
