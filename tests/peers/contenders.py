"""Who competes, and how each is started."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.peers import made

Command = Sequence[str | Path]

_HEADRACE: Final = """
topic_prefix = "{prefix}"
[kafka]
bootstrap_servers = "{servers}"
compression = "{codec}"
[admin]
host = "127.0.0.1"
port = 0
[log]
format = "json"
[tenants.leadsquared.acme]
[tenants.leadping.acme]
[tenants.outreach.acme]
"""


class Run(Struct, frozen=True):
    """One run of one contender: from the raw records under `prefix` to the topic `out`, with a folder of its own."""

    servers: str
    prefix: str
    out: str
    codec: str
    home: Path

    @property
    def raw(self) -> str:
        """The topic that is read."""
        return f"{self.prefix}raw"


class Contender(Struct, frozen=True):
    """A name for tables, what it guarantees, where it remembers keys, and the command of a run.

    `command` raises `CannotMake` where this machine lacks something. `out` is the name of its topic after the prefix.
    """

    name: str
    promise: str
    memory: str
    command: Callable[[Run], Command]
    out: str


def ours(run: Run) -> Command:
    """Return the program itself, the role that makes events alone."""
    file = run.home / "headrace.toml"
    file.write_text(_HEADRACE.format(prefix=run.prefix, servers=run.servers, codec=run.codec))
    return Path(sys.executable).with_name("headrace"), "--config", file, "run", "--role=normalizer"


def hand(run: Run) -> Command:
    """Return the plain loop on librdkafka."""
    return "env", f"PYTHONPATH={made.ROOT}", sys.executable, "-m", "tests.peers.hand", *_topics(run)


def quix(run: Run) -> Command:
    """Return the program on Quix Streams."""
    state = run.home / "state"
    return "env", f"PYTHONPATH={made.ROOT}", made.quix(), "-m", "tests.peers.quix", *_topics(run), state


def streams(run: Run) -> Command:
    """Return the program on Kafka Streams."""
    java = ("java", "-Xms1g", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", made.streams())
    return *java, "Streams", *_topics(run), run.home / "state"


def bento(run: Run) -> Command:
    """Return Bento."""
    home = made.bento()
    names = zip(("SERVERS", "RAW", "OUT", "CODEC"), _topics(run), strict=True)
    return "env", "-C", home, *(f"{name}={value}" for name, value in names), "./bento", "-c", "bento.yaml"


def _topics(run: Run) -> tuple[str, str, str, str]:
    return run.servers, run.raw, run.out, run.codec


CONTENDERS: Final = (
    Contender("ours", "exactly once", "on Kafka (seen)", ours, "events"),
    Contender("hand", "exactly once", "in the process, lost with it", hand, "hand"),
    Contender("Quix Streams", "at least once", "RocksDB, changelog on Kafka", quix, "quix"),
    Contender("Bento", "at least once", "in the process, lost with it", bento, "bento"),
    Contender("Kafka Streams", "exactly once", "heap, changelog on Kafka", streams, "streams"),
)
