"""Apache Kafka on the local JVM: its jars come through Maven, its data live in a temporary directory."""

import contextlib
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kafka.broker import ProcessBroker, Unavailable
from tests.kafka.ports import HOST, free_port

_POM = Path(__file__).with_name("pom.xml")
_CACHE = Path(__file__).parents[2] / "build"  # not under version control, emptied by `make clean`
_JAVA_NEEDED = 17
_MAVEN_WITHIN = 300.0  # seconds, for the first time on a slow line
_FORMAT_WITHIN = 60.0
_CLUSTER_ID = "aGVhZHJhY2UtdGVzdHMtMQ"  # any 16 bytes in base64

KAFKA_VERSION = re.findall(r"<kafka\.version>(.+)</kafka\.version>", _POM.read_text())[0]

# One node that starts fast and forgives nothing that a real cluster would not.
SETTINGS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",  # tests of take-over need not wait for six seconds
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "broker.heartbeat.interval.ms": "250",
    "broker.session.timeout.ms": "3000",  # after SIGKILL a broker waits until its old self has timed out
    "log.cleaner.dedupe.buffer.size": "4194304",  # the default takes 128 MiB of the heap
    "log.index.size.max.bytes": "1048576",  # the default makes two sparse files of 10 MiB per segment
}
_JVM_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # two cores are shared with the tests
    "-XX:TieredStopAtLevel=1",  # a quarter less time to start; the brokers of tests do not live long
    "-Dorg.apache.logging.log4j.level=INFO",
)


class JvmBroker(ProcessBroker):
    """One node, broker and controller, with a second listener whose clients are sent to `proxy_port`.

    Whoever wants a proxy between (`proxy.Proxy`) listens on `proxy_port` and forwards to `proxied_port`.
    """

    kind = "jvm"
    name = f"Apache Kafka {KAFKA_VERSION} on the local JVM"
    number = 1
    options: Sequence[str] = _JVM_OPTIONS

    def __init__(self, jars: Path, home: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(home)
        self.proxied_port = free_port()
        self.proxy_port = free_port()
        self._controller_port = free_port()
        self._jars = jars
        self._properties = home / "server.properties"
        lines = {**SETTINGS, **self._listeners(), **(settings or {})}
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))

    def command(self) -> Sequence[str]:
        """Return the command that runs the broker."""
        return (*_java(self._jars, self.options), "kafka.Kafka", str(self._properties))

    def spawn(self) -> None:
        """Start (again) without waiting; the first time with a copy of an empty data directory."""
        data = self.home / "data"
        if not data.exists():
            shutil.copytree(_formatted(self._jars, self.number), data)
        super().spawn()

    def _listeners(self) -> dict[str, str]:
        def at(broker: int, proxied: int) -> str:
            return f"PLAINTEXT://{HOST}:{broker},PROXIED://{HOST}:{proxied}"

        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "log.dirs": str(self.home / "data"),
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": f"{at(self.port, self.proxied_port)},CONTROLLER://{HOST}:{self._controller_port}",
            "advertised.listeners": at(self.port, self.proxy_port),
        }


def offer(home: Path, settings: Mapping[str, str] | None = None) -> JvmBroker:
    """Return a broker that keeps its data in `home`; the first time its jars are fetched."""
    return JvmBroker(jars(), home, settings)


def check() -> None:
    """Raise Unavailable with the reason if this machine cannot run Apache Kafka."""
    jars()


def jars() -> Path:
    """Return the folder of Kafka's jars, fetched once for each state of pom.xml."""
    _check_java()
    folder = _CACHE / f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    if shutil.which("mvn") is None:
        raise Unavailable("there is no Maven")
    _CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as fetching:
        jars = Path(fetching) / "jars"
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={jars}")
        _run(("mvn", "-B", "-q", "-Dstyle.color=never", "-f", str(_POM), *goal), within=_MAVEN_WITHIN)
        if not folder.exists():  # another run may have been faster
            jars.rename(folder)
    return folder


def _java(jars: Path, options: Sequence[str] = _JVM_OPTIONS) -> Sequence[str]:
    return ("java", *options, "-cp", f"{jars}/*")


def _formatted(jars: Path, node: int) -> Path:
    """Return a node's empty data directory, formatted once for these jars: it takes a second and knows no ports."""
    folder = jars.with_name(f"{jars.name}-formatted-{node}")
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=_CACHE) as formatting:
        home = Path(formatting)
        properties, data = home / "server.properties", home / "data"
        lines = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "log.dirs": str(data),
            "controller.quorum.voters": f"{node}@{HOST}:1",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{HOST}:2,CONTROLLER://{HOST}:1",
        }
        properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        tool = ("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties))
        _run((*_java(jars), *tool), within=_FORMAT_WITHIN)
        with contextlib.suppress(OSError):  # another run was faster
            data.rename(folder)
    return folder


def _check_java() -> None:
    if shutil.which("java") is None:
        raise Unavailable("there is no Java")
    version = re.search(r'version "(\d+)', _run(("java", "-version"), within=_FORMAT_WITHIN))
    if version is None or int(version[1]) < _JAVA_NEEDED:
        raise Unavailable(f"Java is older than {_JAVA_NEEDED}")


def _run(command: Sequence[str], *, within: float) -> str:
    """Return what the command prints; raise Unavailable with the first line of its complaint."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end within {within:.0f} s") from None
    except subprocess.CalledProcessError as error:
        complaint = str(error.stdout).strip() or "no word why"
        raise Unavailable(f"{command[0]} failed: {complaint.splitlines()[0]}") from error
    return done.stdout
