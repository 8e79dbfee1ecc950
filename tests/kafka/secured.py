"""Apache Kafka on the local JVM as companies have it: it asks who comes, and forbids what nobody was allowed.

Whoever comes through the listener without names is a super user: the tests' own calls.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.kafka.issuer import AUDIENCE
from tests.kafka.jvm import JvmBroker
from tests.kafka.pki import Authority
from tests.kafka.ports import HOST, free_port

BROKER: Final = "localhost"
"""The only name in the broker's certificate."""
_LISTENERS: Final = {"SASL": "SASL_PLAINTEXT", "TLS": "SSL", "SASLTLS": "SASL_SSL", "OAUTH": "SASL_SSL"}
_SECURITY: Final = "org.apache.kafka.common.security"
_URLS: Final = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
_LOG4J: Final = """\
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
appender.audit.type = File
appender.audit.name = audit
appender.audit.fileName = {audit}
appender.audit.layout.type = PatternLayout
appender.audit.layout.pattern = %m%n
logger.audit.name = kafka.authorizer.logger
logger.audit.level = debug
logger.audit.additivity = false
logger.audit.appenderRef.audit.ref = audit
"""
_AUDITED: Final = re.compile(
    r"^Principal = User:(\S+) is (Allowed|Denied) operation = (\w+) .*?resource = (\w+):LITERAL:(\S+) for", re.MULTILINE
)


def password_of(user: str) -> str:
    """Return the password of a user that may come by PLAIN."""
    return f"opensesame-{user}"


class SecuredBroker(JvmBroker):
    """A node with an authorizer, and a listener for each way to say who one is.

    `sasl_servers` (SASL_PLAINTEXT) and `sasl_tls_servers` (SASL_SSL) take PLAIN and SCRAM, `tls_servers` certificates
    of `authority`, `oauth_servers` tokens of `issuer`, where there is one: it has to listen before the broker starts.
    """

    name = f"{JvmBroker.name}, with an authorizer"

    def __init__(self, jars: Path, home: Path, users: Iterable[str], issuer: str = "") -> None:
        self.authority = Authority(home / "pki")
        self._ports = {name: free_port() for name in _LISTENERS if issuer or name != "OAUTH"}
        self.sasl_servers = f"{HOST}:{self._ports['SASL']}"
        self.tls_servers = f"{BROKER}:{self._ports['TLS']}"
        self.sasl_tls_servers = f"{BROKER}:{self._ports['SASLTLS']}"
        self.oauth_servers = f"{BROKER}:{self._ports['OAUTH']}" if issuer else ""
        super().__init__(jars, home, {**_authorizer(), **self._tls(), **_passwords(users), **_tokens(issuer)})
        self._audit = home / "audit.log"
        log4j = home / "log4j2.properties"
        log4j.write_text(_LOG4J.format(audit=self._audit))
        self.options = (*self.options, f"-Dlog4j2.configurationFile={log4j}")
        if issuer:
            self.options = (*self.options, f"-D{_URLS}={issuer}/keys")

    def audited(self, user: str, *, allowed: bool = True) -> set[tuple[str, str, str]]:
        """Return what a user did, or was forbidden to: types and names of resources, and operations as in `Acl`.

        That somebody asks for his rights is not among it.
        """
        outcome = "Allowed" if allowed else "Denied"
        return {
            (kind.lower(), name, operation)
            for who, how, operation, kind, name in _AUDITED.findall(self._audit.read_text("utf-8"))
            if (who, how) == (user, outcome)
        }

    def _listeners(self) -> dict[str, str]:
        found = super()._listeners()
        for name, port in self._ports.items():
            found["listeners"] += f",{name}://{HOST}:{port}"
            found["advertised.listeners"] += f",{name}://{HOST if name == 'SASL' else BROKER}:{port}"
            found["listener.security.protocol.map"] += f",{name}:{_LISTENERS[name]}"
        return found

    def _tls(self) -> dict[str, str]:
        issued = self.authority.issue("broker", hosts=[BROKER])
        store = issued.key.with_suffix(".store")
        store.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.tls.ssl.client.auth": "required",
        }


def _authorizer() -> dict[str, str]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _passwords(users: Iterable[str]) -> dict[str, str]:
    """Return the lines for users with passwords; those of SCRAM are made while the broker runs."""
    known = " ".join(f'user_{user}="{password_of(user)}"' for user in users)
    found: dict[str, str] = {}
    for name in ("sasl", "sasltls"):
        listener = f"listener.name.{name}"
        found[f"{listener}.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
        found[f"{listener}.plain.sasl.jaas.config"] = f"{_SECURITY}.plain.PlainLoginModule required {known};"
        for bits in (256, 512):
            scram = f"{_SECURITY}.scram.ScramLoginModule required;"
            found[f"{listener}.scram-sha-{bits}.sasl.jaas.config"] = scram
    return found


def _tokens(issuer: str) -> Mapping[str, str]:
    """Return the lines for tokens, which Kafka's own validator judges by the keys of the issuer."""
    listener, bearer = "listener.name.oauth", f"{_SECURITY}.oauthbearer"
    return {} if not issuer else {
        f"{listener}.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{listener}.oauthbearer.sasl.jaas.config": f"{bearer}.OAuthBearerLoginModule required;",
        f"{listener}.oauthbearer.sasl.server.callback.handler.class": f"{bearer}.OAuthBearerValidatorCallbackHandler",
        "sasl.oauthbearer.jwks.endpoint.url": f"{issuer}/keys",
        "sasl.oauthbearer.expected.audience": AUDIENCE,
        "sasl.oauthbearer.expected.issuer": issuer,
    }  # fmt: skip
