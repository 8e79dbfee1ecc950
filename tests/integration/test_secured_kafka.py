"""The ways in which companies let clients in, on a real broker: each works, and says why where it does not."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka.acls import acls
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError, refusal
from headrace.kafka.topics import describe
from tests.fake_provider import Row, account
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.acls import allow, rows_of
from tests.kafka.issuer import Issuer
from tests.kafka.pki import Authority
from tests.kafka.ports import free_port
from tests.kafka.scram import set_password
from tests.kafka.secured import SecuredBroker, password_of

pytestmark = pytest.mark.apache_kafka

SECRET = "s3cret/with:signs%and=more"  # noqa: S105  (an invented one)


class Ways:
    """Settings for each way in; none of their users may do anything before `tests.kafka.acls.allow`."""

    def __init__(self, broker: SecuredBroker, issuer: Issuer, folder: Path) -> None:
        self.broker, self.issuer, self._folder = broker, issuer, folder
        self._made = 0

    def plain(self, protocol: str = "SASL_SSL") -> tuple[str, KafkaSettings]:
        """Return a principal and its settings: a user with a password that the broker was started with."""
        return "User:u1", self._sasl(protocol, "PLAIN", "u1", password_of("u1"))

    def scram(self, mechanism: str) -> tuple[str, KafkaSettings]:
        """Return a new user of SCRAM, as above."""
        self._made += 1
        user = f"scram-{self._made}"
        set_password(self.broker, user, SECRET, mechanism)
        return f"User:{user}", self._sasl("SASL_SSL", mechanism, user, SECRET)

    def certificate(
        self, name: str = "worker", authority: Authority | None = None, **how: Any
    ) -> tuple[str, KafkaSettings]:
        """Return who shows a certificate, whose key has a password."""
        self._made += 1
        folder = self._folder / str(self._made)
        issued = (authority or self.broker.authority).issue(name, password=SECRET, **how)
        folder.mkdir()
        files = [each.rename(folder / each.name) for each in issued]
        return f"User:CN={name}", KafkaSettings(
            bootstrap_servers=self.broker.tls_servers,
            security_protocol="SSL",
            ssl_cafile=str(self.broker.authority.file),
            ssl_certfile=str(files[0]),
            ssl_keyfile=str(files[1]),
            ssl_keypassword=SECRET,
        )

    def token(self, client: str = "worker:1") -> tuple[str, KafkaSettings]:
        """Return a client of the issuer."""
        self.issuer.clients[client] = SECRET
        return f"User:{client}", KafkaSettings(
            bootstrap_servers=self.broker.oauth_servers,
            security_protocol="SASL_SSL",
            sasl_mechanism="OAUTHBEARER",
            sasl_oauth_token_url=f"{self.issuer.url}/token",
            sasl_oauth_client_id=client,
            sasl_oauth_client_secret=SECRET,
            sasl_oauth_scope="kafka events",
            sasl_oauth_extensions={"traceId": "7"},
            ssl_cafile=str(self.broker.authority.file),
        )

    def _sasl(self, protocol: str, mechanism: Any, user: str, password: str) -> KafkaSettings:
        tls = protocol == "SASL_SSL"
        return KafkaSettings(
            bootstrap_servers=self.broker.sasl_tls_servers if tls else self.broker.sasl_servers,
            security_protocol="SASL_SSL" if tls else "SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_username=user,
            sasl_password=password,
            ssl_cafile=str(self.broker.authority.file) if tls else None,
        )


@pytest.fixture
def ways(secured_kafka: SecuredBroker, token_issuer: Issuer, tmp_path: Path) -> Ways:
    """Return settings for each way in; the issuer is as it was at its start."""
    token_issuer.life, token_issuer.status, token_issuer.audience = 3600.0, 0, "kafka"
    return Ways(secured_kafka, token_issuer, tmp_path)


WORKING: dict[str, Callable[[Ways], tuple[str, KafkaSettings]]] = {
    "plain": lambda ways: ways.plain("SASL_PLAINTEXT"),
    "plain_tls": lambda ways: ways.plain(),
    "scram_256": lambda ways: ways.scram("SCRAM-SHA-256"),
    "scram_512": lambda ways: ways.scram("SCRAM-SHA-512"),
    "certificate": lambda ways: ways.certificate(),
    "token": lambda ways: ways.token(),
}


@pytest.mark.parametrize("way", WORKING)
async def test_a_normalizer_works_by_each_way_in(ways: Ways, prefix: str, way: str) -> None:
    """It is who it says, has the rights of that principal, and publishes what comes."""
    principal, kafka = WORKING[way](ways)
    pipeline = await make_pipeline(ways.broker.bootstrap_servers, prefix)
    await allow(ways.broker.bootstrap_servers, rows_of(acls("normalizer", prefix), principal))
    mine = seen_by(pipeline, kafka)
    async with mine.running() as running:
        await running.runs()
        await pipeline.append(Row(number, 1, "x") for number in range(20))
        await pipeline.settled(running)
    await pipeline.holds_its_promises()


def seen_by(pipeline: Pipeline, kafka: KafkaSettings) -> Pipeline:
    """Return the same pipeline with other settings of Kafka."""
    mine = pipeline.through("")
    mine.config = msgspec.structs.replace(pipeline.config, kafka=kafka)
    return mine


def no_rights(ways: Ways) -> KafkaSettings:
    return ways.plain()[1]


def other(settings: KafkaSettings, **over: Any) -> KafkaSettings:
    return msgspec.structs.replace(settings, **over)


def toml(kafka: KafkaSettings, prefix: str, **over: str) -> str:
    """Return a whole configuration for the program."""
    fields = {name: getattr(kafka, name) for name in kafka.__struct_fields__} | over
    lines = [f"{name} = '{value}'" for name, value in fields.items() if isinstance(value, str)]
    text = configuration("", prefix, "")
    return text.replace('bootstrap_servers = ""', "\n".join(lines))


@pytest.mark.parametrize("way", ["scram_512", "certificate", "token"])
async def test_the_program_is_let_in_and_logs_no_secret(ways: Ways, prefix: str, way: str, tmp_path: Path) -> None:
    """As a process of its own, on the event loop that it uses; with another secret it says what to do."""
    principal, kafka = WORKING[way](ways)
    await make_pipeline(ways.broker.bootstrap_servers, prefix)
    await allow(ways.broker.bootstrap_servers, rows_of(acls("normalizer", prefix), principal))
    program = Program(toml(kafka, prefix), tmp_path / "good")
    try:
        await program.ready()
        program.stop()
    finally:
        program.child.kill()
    assert "right_missing" not in program.log.read_text()
    assert SECRET not in program.log.read_text()


@pytest.mark.parametrize(
    ("way", "key", "sentence"),
    [
        ("scram_512", "sasl_password", "mend sasl_username and sasl_password"),
        ("token", "sasl_oauth_client_secret", "gives no token (invalid_client)"),
    ],
)
async def test_the_program_says_why_it_is_not_let_in(  # noqa: PLR0917  (pytest calls it by names)
    ways: Ways, prefix: str, tmp_path: Path, way: str, key: str, sentence: str
) -> None:
    """In the line that it writes while it waits."""
    _, kafka = WORKING[way](ways)
    program = Program(toml(kafka, prefix, **{key: SECRET + "wrong"}), tmp_path)
    try:
        await program.says("kafka_awaited")
    finally:
        program.child.kill()
    assert sentence in str(program.events("kafka_awaited"))
    assert SECRET not in program.log.read_text()


REFUSED: dict[str, tuple[Callable[[Ways], KafkaSettings], str]] = {
    "plain": (lambda ways: other(no_rights(ways), sasl_password=SECRET), "mend sasl_username and sasl_password"),
    "scram": (
        lambda ways: other(ways.scram("SCRAM-SHA-512")[1], sasl_password=SECRET + "x"),
        "or make that user known for SCRAM-SHA-512",
    ),
    "mechanism": (
        lambda ways: other(ways.token()[1], bootstrap_servers=ways.broker.sasl_tls_servers),
        "does not take OAUTHBEARER: set sasl_mechanism",
    ),
    "no_sasl": (
        lambda ways: other(ways.plain("SASL_PLAINTEXT")[1], bootstrap_servers=ways.broker.bootstrap_servers),
        "wants no SASL: set security_protocol",
    ),
    "no_tls": (
        lambda ways: other(ways.certificate()[1], bootstrap_servers=ways.broker.bootstrap_servers),
        "nobody speaks TLS at",
    ),
    "broker_unknown": (
        lambda ways: other(ways.certificate()[1], ssl_cafile=str(Authority(ways.broker.home / "other").file)),
        "is signed by nobody who is trusted here: set ssl_cafile",
    ),
    "broker_elsewhere": (
        lambda ways: other(
            ways.certificate()[1], bootstrap_servers=ways.broker.tls_servers.replace("localhost", "127.0.0.1")
        ),
        "is for other names than 127.0.0.1",
    ),
    "no_certificate": (
        lambda ways: other(ways.certificate()[1], ssl_certfile=None, ssl_keyfile=None),
        "wants a certificate from us: set ssl_certfile",
    ),
    "unknown_certificate": (
        lambda ways: ways.certificate(authority=Authority(ways.broker.home / "strange"))[1],
        "look whether the broker's truststore has its authority",
    ),
    "old_certificate": (lambda ways: ways.certificate(ended=True)[1], "our certificate in ssl_certfile expired on"),
    "client": (
        lambda ways: other(ways.token()[1], sasl_oauth_client_secret=SECRET + "x"),
        "gives no token (invalid_client): mend sasl_oauth_client_id",
    ),
    "issuer_elsewhere": (
        lambda ways: other(ways.token()[1], sasl_oauth_token_url=f"http://127.0.0.1:{free_port()}/token"),
        "cannot be reached (ClientConnectorError)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_who_is_not_let_in_says_why(ways: Ways, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """One sentence says what to do; no log holds a secret."""
    make, sentence = REFUSED[name]
    await is_refused(make(ways), sentence, caplog)


async def is_refused(kafka: KafkaSettings, sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with capture_logs() as logged, pytest.raises((KafkaError, OSError)) as failed:
        await describe(Config(kafka=kafka, tenants=Tenants([])))
    assert sentence in refusal()
    assert SECRET not in f"{logged} {caplog.text} {failed.value!r} {refusal()}"


async def test_a_token_that_the_broker_does_not_take(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    """The client hears that it is refused, and does not take itself for welcome."""
    ways.issuer.audience = "somebody else"
    await is_refused(ways.token("deaf")[1], "does not take the token; look which issuer, audience", caplog)
    assert not [token for token in ways.issuer.minted if token in caplog.text]


async def test_a_broker_whose_certificate_has_expired(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever serves there, nothing is sent to it."""
    issued = ways.broker.authority.issue("old", hosts=["localhost"], ended=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issued)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await is_refused(
            other(ways.certificate()[1], bootstrap_servers=f"localhost:{port}"), "has expired: renew it there", caplog
        )


@contextlib.asynccontextmanager
async def appending(
    ways: Ways, kafka: KafkaSettings, prefix: str, *principals: str
) -> AsyncIterator[Callable[[], Any]]:
    """Hold one appender open; what is yielded breaks its connections, and appends through new ones."""
    await make_pipeline(ways.broker.bootstrap_servers, prefix)
    for principal in principals:
        await allow(ways.broker.bootstrap_servers, rows_of(acls("operator", prefix), principal))
    async with Appender(kafka) as appender:

        async def append() -> int:
            client = appender._producer.client
            for connection in list(client._conns.values()):
                connection.close()
            return await appender.append(f"{prefix}raw", 0, ProducerRecord(b"k", b"v", []), DEADLINE)

        yield append


async def test_a_password_that_was_rotated_is_read_anew(ways: Ways, prefix: str, tmp_path: Path) -> None:
    """A client that is open for weeks makes its next connection with what the file holds then."""
    principal, kafka = ways.scram("SCRAM-SHA-512")
    file = tmp_path / "password"
    file.write_text(SECRET)
    kafka = other(kafka, sasl_password_file=str(file))
    async with appending(ways, kafka, prefix, principal) as append:
        assert await append() == 0
        set_password(ways.broker, principal.removeprefix("User:"), "another")
        file.write_text("another\n")
        assert await append() == 1
        file.unlink()
        with capture_logs() as logged:
            assert await append() == 2
        assert "sasl_password_file names a file that cannot be read" in str(logged)


async def test_a_certificate_that_was_rotated_is_read_anew(ways: Ways, prefix: str) -> None:
    """The next connection shows the new one; half a pair leaves the old one in use."""
    _, kafka = ways.certificate("first")
    second, new = ways.certificate("second")
    async with appending(ways, kafka, prefix, second) as append:
        put_in_place(new.ssl_certfile, kafka.ssl_certfile)
        with capture_logs() as logged, pytest.raises((KafkaError, TimeoutError)):
            await append()  # the first may not
        assert "holds the key of another certificate" in str(logged)
        put_in_place(new.ssl_keyfile, kafka.ssl_keyfile)
        await until(lambda: is_appended(append), "it shows the second")


def put_in_place(new: str | None, old: str | None) -> None:
    assert new
    assert old
    Path(new).rename(old)


async def is_appended(append: Callable[[], Any]) -> bool:
    with contextlib.suppress(KafkaError, TimeoutError):
        offset: int = await append()
        return offset >= 0
    return False


@pytest.mark.slow
async def test_tokens_are_renewed_for_as_long_as_a_normalizer_works(ways: Ways, prefix: str) -> None:
    """Kafka ends connections with their tokens, and the issuer is away for a while: nothing is lost or doubled."""
    ways.issuer.life = 4.0
    principal, kafka = ways.token("brief")
    pipeline = await make_pipeline(ways.broker.bootstrap_servers, prefix, accounts=[account()])
    await allow(ways.broker.bootstrap_servers, rows_of(acls("normalizer", prefix), principal))
    mine = seen_by(pipeline, kafka)
    minted = len(ways.issuer.minted)
    with capture_logs() as logged:
        async with mine.running() as running:
            await running.runs()
            async with pipeline.under_load(7) as done:
                await until(lambda: len(ways.issuer.minted) >= minted + 3, "three tokens are minted")
                ways.issuer.status = 503
                reason = "answers with 503"
                await until(lambda: any(reason in str(line.get("reason")) for line in logged), "the issuer is missed")
                ways.issuer.status = 0
                known, rows = len(ways.issuer.minted), done["rows"]
                await until(lambda: len(ways.issuer.minted) > known and done["rows"] > rows, "it mints again")
            await pipeline.settled(running)
    await pipeline.holds_its_promises()
    assert SECRET not in str(logged)
    assert not [token for token in ways.issuer.minted if token in str(logged)]
    assert ways.issuer.forms[-1] == {"grant_type": ["client_credentials"], "scope": ["kafka events"]}
