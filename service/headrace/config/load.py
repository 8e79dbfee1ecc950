"""Load the configuration, or raise everything that is wrong with it at once."""

import re
from collections.abc import Iterable, Iterator, Mapping as Dict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from headrace.config.file_stamps import FileStamps
from headrace.config.kafka_settings import KafkaSettings
from headrace.config.raw_config import PREFIX, RawConfig
from headrace.config.settings import Config, ServiceSettings, SpoolSettings
from headrace.config.struct_reader import read_struct
from headrace.config.tenants import Account, Tenants
from headrace.config.tls_files import UnusableFile, tls_context
from headrace.core.mapping import Entry, Mapping
from headrace.core.mapping_file import build, read
from headrace.core.suggestions import did_you_mean
from headrace.core.toml_lines import FileFault, FileFaults, KeyPath
from headrace.providers.discover import builtin, discover
from headrace.sdk.provider import Provider, Tenant, source_of

FILE: Final = "headrace.toml"
VARIABLE: Final = f"{PREFIX}CONFIG"

_TENANTS: Final = "tenants"
TENANT_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_ALL_HOSTS: Final = ("0.0.0.0", "::", "")  # noqa: S104  (compared, not listened on)
CERTIFICATES: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "sasl_oauth_cafile")


def load(
    path: Path | None, environ: Dict[str, str], *, stamps: FileStamps | None = None, window: int | None = None
) -> Config:
    """Load `path`, or the file that HEADRACE_CONFIG names, or ./headrace.toml, or else the environment alone.

    The tenants of `tenants.d` beside it are loaded with it. `stamps` gets all files that are read; `window` is the
    dedupe window that is in force (seconds), where it is another one. Raises `FileFaults` with everything that is
    wrong: keys, values, tenants and the rows of their overlays.
    """
    found = load_what_is_sound(path, environ, stamps=stamps, window=window)
    if found.faults:
        raise FileFaults(found.faults)
    return found.config


class Loaded(Struct, frozen=True):
    """A configuration as far as it is sound: only sound tenants are in it, the others are `config.tenants.left_out`.

    `faults` is all that is wrong; `service_faults` what is not a tenant's: there defaults stand in the place of values.
    `lacks_secrets` are tenants that are left out for their files of secrets alone: their tables are whole.
    """

    config: Config
    faults: list[FileFault]
    service_faults: list[FileFault]
    lacks_secrets: list[Account] = []


def load_what_is_sound(
    path: Path | None, environ: Dict[str, str], *, stamps: FileStamps | None = None, window: int | None = None
) -> Loaded:
    """Load as `load` does, with what is wrong beside what is sound. Raises `FileFaults` for a file that is no TOML."""
    stamps = stamps or FileStamps()
    file = find(path, environ)
    if file is None:
        stamps.note(Path(FILE))
    variables = {name: value for name, value in environ.items() if name != VARIABLE}
    raw = RawConfig(file, variables, _known(ServiceSettings), stamps)
    service = read_struct(raw, ServiceSettings, (), beside=(_TENANTS,)) or ServiceSettings()
    kafka, spool = _kafka(raw, service.kafka), _spool(raw, service)
    _ports(raw, service)
    accounts = list(_accounts(raw, min(service.dedupe.window, window or service.dedupe.window)))
    sound = [account for account in accounts if not raw.faults((_TENANTS, account.provider.name, account.name))]
    left_out = {source_of(*keys[1:]): raw.faults(keys) for keys in _named(raw) if raw.faults(keys)}
    sections = msgspec.structs.asdict(service) | {"kafka": kafka, "spool": spool}
    config = Config(**sections, tenants=Tenants(sound, left_out), file=file)
    of_tenants = raw.faults((_TENANTS,))
    lacking = [account for account in accounts if account.source in left_out and _lacks_secrets(raw, account)]
    return Loaded(config, raw.faults(), [fault for fault in raw.faults() if fault not in of_tenants], lacking)


def _lacks_secrets(raw: RawConfig, account: Account) -> bool:
    """Return whether nothing is wrong with a tenant but files that are named for something secret."""
    keys = raw.faulty((_TENANTS, account.provider.name, account.name))
    return all(str(each[-1]).endswith("_file") for each in keys)


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
    """Resolve the paths of certificates; note files that cannot be read, or cannot be used together."""
    paths: dict[str, str] = {}
    for key in CERTIFICATES:
        name: str | None = getattr(kafka, key)
        if name is not None:
            path = raw.path(("kafka", key), name)
            paths[key] = str(path)
            raw.stamps.note(path)
            if reason := _unreadable(path):
                raw.fault(("kafka", key), reason)
                raw.stamps.unread.add(path)
    found = msgspec.structs.replace(kafka, **paths)
    if found.security_protocol in ("SSL", "SASL_SSL") and not raw.faults(("kafka",)):
        try:
            tls_context(found)
        except UnusableFile as unusable:
            raw.fault(("kafka", unusable.key), unusable.reason)
    return found


def _unreadable(path: Path) -> str | None:
    """Return why a file cannot be read, None where it can."""
    try:
        if not path.is_file():
            return f"there is no file {path}"
        path.open("rb").close()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return None


def _spool(raw: RawConfig, service: ServiceSettings) -> SpoolSettings:
    """Resolve the path of the spool; note a `max_age` beyond the dedupe window, where ids are forgotten."""
    spool, window = service.spool, service.dedupe.window
    sound = raw.is_sound(("spool", "max_age")) and raw.is_sound(("dedupe", "window"))
    if sound and raw.at(("spool", "max_age")) is not None and spool.max_age > window:
        reason = "is longer than [dedupe] window: what is appended so late could be published twice; shorten it"
        raw.fault(("spool", "max_age"), reason)
    path = str(raw.path(("spool", "path"), spool.path))
    return msgspec.structs.replace(spool, path=path, max_age=min(spool.max_age, window))


def _ports(raw: RawConfig, service: ServiceSettings) -> None:
    """Note where webhooks and metrics are to be served at one address."""
    receiver, admin = service.receiver, service.admin
    sound = all(raw.is_sound((table, key)) for table in ("receiver", "admin") for key in ("host", "port"))
    one_host = receiver.host == admin.host or not {receiver.host, admin.host}.isdisjoint(_ALL_HOSTS)
    if sound and one_host and receiver.port == admin.port != 0:
        raw.fault(("admin", "port"), "is the port of [receiver], too: two servers cannot listen there; choose another")


def _accounts(raw: RawConfig, window: int) -> Iterator[Account]:
    """Yield every tenant that can be read, whatever else is wrong with it; all that is wrong is noted."""
    tenants = raw.at((_TENANTS,))
    if not isinstance(tenants, dict | None):
        raw.fault((_TENANTS,), "tenants are written as [tenants.PROVIDER.NAME]")
    providers = discover()
    for provider_name, named in tenants.items() if isinstance(tenants, dict) else ():
        keys: KeyPath = (_TENANTS, provider_name)
        if provider_name not in providers:
            known = f"{', '.join(providers)}{did_you_mean(provider_name, providers)}"
            raw.fault(keys, f'provider "{provider_name}" is none of {known}')
        elif not isinstance(named, dict):
            raw.fault(keys, f"tenants are written as [{_TENANTS}.{provider_name}.NAME]")
        else:
            for name in named:
                account = _account(raw, providers[provider_name], name, window)
                if account:
                    yield account


def _named(raw: RawConfig) -> Iterator[tuple[str, str, str]]:
    """Yield the keys of every tenant that the configuration names."""
    tenants = raw.at((_TENANTS,))
    for provider, named in tenants.items() if isinstance(tenants, dict) else ():
        yield from ((_TENANTS, provider, name) for name in (named if isinstance(named, dict) else ()))


def _look_backs(raw: RawConfig, window: int, settings: Tenant, keys: KeyPath) -> None:
    """Note every feed (a table of its tenant, with `look_back`) that reads further back than ids are remembered."""
    if not settings.polling or not raw.is_sound(("dedupe", "window")):
        return
    for field in msgspec.structs.fields(settings):
        look_back = getattr(getattr(settings, field.name), "look_back", 0)
        named = (*keys, field.encode_name, "look_back")
        is_table = isinstance(raw.at(named[:-1]), dict | None)
        if look_back > window and is_table and raw.is_sound(named):
            raw.fault(
                named,
                "is longer than [dedupe] window: what is read again so late could be published twice; shorten it, "
                "or widen the window",
            )


def _account(raw: RawConfig, provider: Provider, name: str, window: int) -> Account | None:
    """Read one tenant's settings and table; what is wrong with them is noted."""
    keys = (_TENANTS, provider.name, name)
    if not TENANT_NAME.fullmatch(name):
        raw.fault(keys, "a tenant's name is made of a to z, 0 to 9 and -, at most 40 of them")
    settings = read_struct(raw, provider.Settings, keys)
    if settings:
        _look_backs(raw, window, settings, keys)
    mapping = _mapping(raw, provider, keys)
    if settings is None or mapping is None:
        return None
    overlay = None if settings.mapping is None else raw.path((*keys, "mapping"), settings.mapping)
    return Account(provider, name, settings, mapping, overlay)


def _mapping(raw: RawConfig, provider: Provider, keys: KeyPath) -> Mapping | None:
    """Build a tenant's table: its overlay in front of the provider's own rows."""
    overlay: Iterable[Entry] = ()
    name = raw.at((*keys, "mapping"))
    try:
        if isinstance(name, str) and raw.is_sound((*keys, "mapping")):
            overlay = _overlay(raw, provider, (*keys, "mapping"), name)
        return build(builtin(provider.name), overlay)
    except FileFaults as error:
        raw.note((*keys, "mapping"), *error.faults)
        return None


def _overlay(raw: RawConfig, provider: Provider, keys: KeyPath, name: str) -> list[Entry]:
    text = raw.read(keys, name)
    return [] if text is None else read(text, str(raw.path(keys, name)), provider.tables)
