"""Load the configuration, or raise everything that is wrong with it at once."""

import re
from collections.abc import Iterable, Iterator, Mapping as Dict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from headrace.config.raw_config import PREFIX, RawConfig
from headrace.config.settings import Config, KafkaSettings, ServiceSettings, SpoolSettings, contradictions
from headrace.config.struct_reader import read_struct
from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import Entry, Mapping
from headrace.core.mapping_file import build, read
from headrace.core.suggestions import did_you_mean
from headrace.core.toml_lines import FileFaults, KeyPath
from headrace.providers.discover import builtin, discover
from headrace.sdk.provider import Provider

FILE: Final = "headrace.toml"
VARIABLE: Final = f"{PREFIX}CONFIG"

_TENANTS: Final = "tenants"
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_CERTIFICATES: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")


def load(path: Path | None, environ: Dict[str, str]) -> Config:
    """Load `path`, or the file that HEADRACE_CONFIG names, or ./headrace.toml, or else the environment alone.

    Raises `FileFaults` with everything that is wrong: keys, values, tenants and the rows of their overlays.
    """
    file = find(path, environ)
    variables = {name: value for name, value in environ.items() if name != VARIABLE}
    raw = RawConfig(file, variables, _known(ServiceSettings))
    service = read_struct(raw, ServiceSettings, (), beside=(_TENANTS,))
    kafka = _kafka(raw, service.kafka) if service else None
    spool = _spool(raw, service) if service else None
    tenants = Tenants(list(_accounts(raw)))
    if service:
        _look_backs(raw, service.dedupe.window, tenants)
    if raw.faults or service is None or kafka is None or spool is None:
        raise FileFaults(raw.faults)
    sections = msgspec.structs.asdict(service) | {"kafka": kafka, "spool": spool}
    return Config(**sections, tenants=tenants, file=file)


def find(path: Path | None, environ: Dict[str, str]) -> Path | None:
    """Return the file to load: `path` or HEADRACE_CONFIG whether it exists or not, else ./headrace.toml if it does."""
    if path is not None:
        return path
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE])
    return Path(FILE) if Path(FILE).is_file() else None


def _known(shape: type[Struct], above: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every key that does not depend on a tenant."""
    for field in msgspec.structs.fields(shape):
        keys = (*above, field.encode_name)
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _known(field.type, keys)
        else:
            yield keys


def _kafka(raw: RawConfig, kafka: KafkaSettings) -> KafkaSettings:
    """Resolve the paths of certificates; note missing files and settings that contradict each other."""
    paths: dict[str, str] = {}
    for key in _CERTIFICATES:
        name: str | None = getattr(kafka, key)
        if name is not None:
            path = raw.path(("kafka", key), name)
            paths[key] = str(path)
            if not path.is_file():
                raw.fault(("kafka", key), f"there is no file {path}")
    for key, reason in contradictions(kafka):
        raw.fault(("kafka", key), reason)
    return msgspec.structs.replace(kafka, **paths)


def _spool(raw: RawConfig, service: ServiceSettings) -> SpoolSettings:
    """Resolve the path of the spool; note a `max_age` beyond the dedupe window, where ids are forgotten."""
    spool, window = service.spool, service.dedupe.window
    if raw.at(("spool", "max_age")) is not None and spool.max_age > window:
        reason = "is longer than [dedupe] window: what is appended so late could be published twice; shorten it"
        raw.fault(("spool", "max_age"), reason)
    path = str(raw.path(("spool", "path"), spool.path))
    return msgspec.structs.replace(spool, path=path, max_age=min(spool.max_age, window))


def _accounts(raw: RawConfig) -> Iterator[Account]:
    """Yield every tenant that is configured without a fault; note the others."""
    tenants = raw.at((_TENANTS,))
    if tenants is None:
        return
    if not isinstance(tenants, dict):
        raw.fault((_TENANTS,), "tenants are written as [tenants.PROVIDER.NAME]")
        return
    providers = discover()
    for provider_name, named in tenants.items():
        keys: KeyPath = (_TENANTS, provider_name)
        if provider_name not in providers:
            known = f"{', '.join(providers)}{did_you_mean(provider_name, providers)}"
            raw.fault(keys, f'provider "{provider_name}" is none of {known}')
        elif not isinstance(named, dict):
            raw.fault(keys, f"tenants are written as [{_TENANTS}.{provider_name}.NAME]")
        else:
            for name in named:
                account = _account(raw, providers[provider_name], name)
                if account:
                    yield account


def _look_backs(raw: RawConfig, window: int, tenants: Tenants) -> None:
    """Note every feed (a table of its tenant, with `look_back`) that reads further back than ids are remembered."""
    for account in tenants:
        if not account.settings.polling:
            continue
        for field in msgspec.structs.fields(account.settings):
            look_back = getattr(getattr(account.settings, field.name), "look_back", 0)
            if look_back > window:
                raw.fault(
                    (_TENANTS, account.provider.name, account.name, field.encode_name, "look_back"),
                    "is longer than [dedupe] window: what is read again so late could be published twice; shorten it, "
                    "or widen the window",
                )


def _account(raw: RawConfig, provider: Provider, name: str) -> Account | None:
    """Read one tenant's settings and table; None where something is wrong with them, which is noted."""
    keys = (_TENANTS, provider.name, name)
    if not _NAME.fullmatch(name):
        raw.fault(keys, "a tenant's name is made of a to z, 0 to 9 and -, at most 40 of them")
    settings = read_struct(raw, provider.Settings, keys)
    for key, reason in settings.faults() if settings else ():
        raw.fault((*keys, key), reason)
    mapping = _mapping(raw, provider, keys)
    return Account(provider, name, settings, mapping) if settings and mapping else None


def _mapping(raw: RawConfig, provider: Provider, keys: KeyPath) -> Mapping | None:
    """Build a tenant's table: its overlay in front of the provider's own rows."""
    overlay: Iterable[Entry] = ()
    name = raw.at((*keys, "mapping"))
    try:
        if isinstance(name, str):
            overlay = _overlay(raw, provider, (*keys, "mapping"), name)
        return build(builtin(provider.name), overlay)
    except FileFaults as error:
        raw.faults.extend(fault for fault in error.faults if fault not in raw.faults)
        return None


def _overlay(raw: RawConfig, provider: Provider, keys: KeyPath, name: str) -> list[Entry]:
    text = raw.read(keys, name)
    return [] if text is None else read(text, str(raw.path(keys, name)), provider.tables)
