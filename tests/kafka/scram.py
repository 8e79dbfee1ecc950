"""Users of SCRAM, made or changed while the broker runs."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not in __all__
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.kafka.secured import SecuredBroker

_WITHIN = 30.0  # seconds
_ITERATIONS = 4096
_MECHANISMS = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


def set_password(broker: SecuredBroker, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
    """Make a user, or give it another password, and wait until the broker lets it in."""
    info = ScramCredentialInfo(_MECHANISMS[mechanism], _ITERATIONS)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})  # lives until the answer has come
    for done in admin.alter_user_scram_credentials([change]).values():
        done.result(_WITHIN)
    end = time.monotonic() + _WITHIN
    while not _is_let_in(broker, user, password, mechanism):
        if time.monotonic() > end:
            raise TimeoutError(f"within {_WITHIN:.0f} s not: {user} is let in")


def _is_let_in(broker: SecuredBroker, user: str, password: str, mechanism: str) -> bool:
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": broker.sasl_servers,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
        "log_level": 0,
    }
    try:
        AdminClient(settings).list_topics(timeout=1.0)
    except KafkaException:
        return False
    return True
