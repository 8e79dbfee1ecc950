"""Load the configuration, or say everything that is wrong with it."""

import re
from collections.abc import Iterable, Iterator, Mapping as Dict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from headrace.config.given import PREFIX, Given
from headrace.config.reading import read_struct
from headrace.config.settings import Config, Kafka, Service, contradictions
from headrace.mapping import Entry, Mapping
from headrace.providers.base import Provider
from headrace.providers.discover import builtin, discover
from headrace.tables import build, did_you_mean, read
from headrace.tenants import Account, Tenants
from headrace.toml_lines import Faults, Path as Keys

FILE: Final = "headrace.toml"
VARIABLE: Final = f"{PREFIX}CONFIG"

_TENANTS: Final = "tenants"
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_CERTIFICATES: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")


def load(path: Path | None, environ: Dict[str, str]) -> Config:
    """Load `path`, or the file that HEADRACE_CONFIG names, or ./headrace.toml, or else what the environment says.

    Raises `Faults` with everything that is wrong: keys, values, tenants and the rows of their overlays.
    """
    file = find(path, environ)
    variables = {name: value for name, value in environ.items() if name != VARIABLE}
    given = Given(file, variables, _known(Service))
    service = read_struct(given, Service, (), beside=(_TENANTS,))
    kafka = _kafka(given, service.kafka) if service else None
    tenants = Tenants(list(_accounts(given)))
    if given.faults or service is None or kafka is None:
        raise Faults(given.faults)
    told = msgspec.structs.asdict(service) | {"kafka": kafka}
    return Config(**told, tenants=tenants, file=file)


def find(path: Path | None, environ: Dict[str, str]) -> Path | None:
    """Give the file to load: the one asked for whether it exists or not, ./headrace.toml if it does, or None."""
    if path is not None:
        return path
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE])
    return Path(FILE) if Path(FILE).is_file() else None


def _known(shape: type[Struct], above: Keys = ()) -> Iterator[Keys]:
    """Give the path of every key that does not depend on a tenant."""
    for field in msgspec.structs.fields(shape):
        keys = (*above, field.encode_name)
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _known(field.type, keys)
        else:
            yield keys


def _kafka(given: Given, kafka: Kafka) -> Kafka:
    """Resolve the paths of certificates; note what is not there and what cannot be together."""
    paths: dict[str, str] = {}
    for key in _CERTIFICATES:
        name: str | None = getattr(kafka, key)
        if name is not None:
            path = given.path(("kafka", key), name)
            paths[key] = str(path)
            if not path.is_file():
                given.fault(("kafka", key), f"there is no file {path}")
    for key, reason in contradictions(kafka):
        given.fault(("kafka", key), reason)
    return msgspec.structs.replace(kafka, **paths)


def _accounts(given: Given) -> Iterator[Account]:
    tenants = given.at((_TENANTS,))
    if tenants is None:
        return
    if not isinstance(tenants, dict):
        given.fault((_TENANTS,), "tenants are written as [tenants.PROVIDER.NAME]")
        return
    providers = discover()
    for provider_name, named in tenants.items():
        keys: Keys = (_TENANTS, provider_name)
        if provider_name not in providers:
            known = f"{', '.join(providers)}{did_you_mean(provider_name, providers)}"
            given.fault(keys, f'provider "{provider_name}" is none of {known}')
        elif not isinstance(named, dict):
            given.fault(keys, f"tenants are written as [{_TENANTS}.{provider_name}.NAME]")
        else:
            for name in named:
                account = _account(given, providers[provider_name], name)
                if account:
                    yield account


def _account(given: Given, provider: Provider, name: str) -> Account | None:
    keys = (_TENANTS, provider.name, name)
    if not _NAME.fullmatch(name):
        given.fault(keys, "a tenant's name is made of a to z, 0 to 9 and -, at most 40 of them")
    settings = read_struct(given, provider.Settings, keys)
    mapping = _mapping(given, provider, keys)
    return Account(provider, name, settings, mapping) if settings and mapping else None


def _mapping(given: Given, provider: Provider, keys: Keys) -> Mapping | None:
    """Build a tenant's table, its overlay in front of the provider's own rows."""
    overlay: Iterable[Entry] = ()
    name = given.at((*keys, "mapping"))
    try:
        if isinstance(name, str):
            overlay = _overlay(given, provider, (*keys, "mapping"), name)
        return build(builtin(provider.name), overlay)
    except Faults as found:
        given.faults.extend(fault for fault in found.faults if fault not in given.faults)
        return None


def _overlay(given: Given, provider: Provider, keys: Keys, name: str) -> list[Entry]:
    text = given.read(keys, name)
    return [] if text is None else read(text, str(given.path(keys, name)), provider.tables)
