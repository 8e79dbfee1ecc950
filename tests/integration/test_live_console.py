"""The page follows the configuration: tenants that come, go and pause, and who may see it."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
import structlog
from msgspec.structs import replace

from headrace.config import Config, ConsoleSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Account, Tenants
from headrace.console.server import serving
from headrace.console.watch import Watch
from headrace_demo.process import Child
from tests.fake_provider import account
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import DEADLINE, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.ports import free_port

pytestmark = pytest.mark.apache_kafka

TOKEN = "first-token-of-the-page"  # noqa: S105  (an invented one)
NEXT = "second-token-of-the-page"


@contextlib.asynccontextmanager
async def watching(config: Config) -> AsyncIterator[tuple[LiveConfig, Watch, str]]:
    """Serve the page of a configuration that may change, and read for it."""
    live = LiveConfig(config)
    watch = Watch(live)
    reading = asyncio.create_task(watch.run())
    try:
        async with serving(live, watch) as url:
            yield live, watch, url
    finally:
        reading.cancel()
        await asyncio.wait([reading], timeout=DEADLINE)


def shown(watch: Watch) -> Mapping[str, str]:
    """Return the state of each tenant's webhooks."""
    return {row.source: row.state for row in watch.standing.ways}


async def test_tenants_come_go_and_pause_on_the_page(kafka: Broker, prefix: str) -> None:
    """What is in force is what it shows, without a restart; nobody has to load it again."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)

    def now_are(*accounts: Account) -> None:
        live.take_over(replace(live.config, tenants=Tenants(list(accounts))))

    async with watching(replace(pipeline.config, console=ConsoleSettings(port=0))) as (live, watch, _):
        with watch.viewing():
            now_are(one := account("one", webhook_secrets=["a"]), account("two", webhook_secrets=["a"]))
            both = {"/things/one": "unwatched", "/things/two": "unwatched"}
            await until(lambda: shown(watch) == both, "both are shown")
            now_are(one, account("two", webhook_secrets=["a"], paused=True))
            await until(lambda: shown(watch)["/things/two"] == "paused", "one is paused")
            now_are(one)
            await until(lambda: shown(watch) == {"/things/one": "unwatched"}, "it is gone")


async def log_in(client: aiohttp.ClientSession, token: str) -> int:
    async with client.post("/login", data={"token": token}, allow_redirects=False) as answer:
        return answer.status


async def test_a_new_token_ends_what_is_open(kafka: Broker, prefix: str) -> None:
    """Whoever logged in with the old one is out, on a page that is open too; the new one is taken, and new names."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    first = ConsoleSettings(port=0, token=TOKEN)
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        watching(replace(pipeline.config, console=first)) as (live, _, url),
        aiohttp.ClientSession(url, cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client,
    ):
        assert await log_in(client, TOKEN) == 303
        async with client.get("/live") as open_page:
            assert open_page.status == 200
            live.take_over(replace(live.config, console=replace(first, token=NEXT, hosts=["page.example.com"])))
            assert live.needs_restart == ()
            await open_page.read()  # to its end
        async with client.get("/live") as answer:
            assert answer.status == 401
        async with client.get("/", headers={"Host": "page.example.com"}, allow_redirects=False) as answer:
            assert answer.status == 303
        assert await log_in(client, TOKEN) == 401
        assert await log_in(client, NEXT) == 303


async def test_half_a_change_never_opens_the_page(kafka: Broker, prefix: str) -> None:
    """An address for this machine alone waits for the restart: until then the token that went with the other stays."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    first = ConsoleSettings(host="0.0.0.0", port=0, token=TOKEN)  # noqa: S104  (what the test is about)
    async with watching(replace(pipeline.config, console=first)) as (live, _, url):
        live.take_over(replace(live.config, console=ConsoleSettings(port=0)))
        assert live.needs_restart == ("console.host",)
        here = url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  (as above)
        async with aiohttp.ClientSession(here) as client, client.get("/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/login")


@pytest.mark.slow
async def test_the_token_is_in_no_log(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """A process with the page: the right token, wrong ones, cookies, and a configuration that is refused."""
    await make_pipeline(kafka.bootstrap_servers, prefix)
    port, home = free_port(), tmp_path / "home"
    (tmp_path / "token").write_text(TOKEN)
    console = f'[console]\nport = {port}\ntoken_file = "{tmp_path / "token"}"\n'
    settings = configuration(kafka.bootstrap_servers, prefix, console).replace(
        'format = "json"', 'format = "json"\nlevel = "debug"'
    )
    program = Program(settings, home, roles=("console",))
    await program.ready()
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar) as client:
        assert await log_in(client, NEXT) == 401
        assert await log_in(client, TOKEN) == 303
        async with client.get("/") as answer:
            pages = await answer.text()
        (cookie,) = (each.value for each in jar)
    (tmp_path / "token").write_text(NEXT[:3])
    await until(lambda: b"configuration_refused" in program.log.read_bytes(), "the short token is refused")
    assert await asyncio.to_thread(program.stop) == 0
    log = program.log.read_text()
    assert not [secret for secret in (TOKEN, NEXT, cookie) if secret in log + pages]


async def test_what_the_command_line_names_needs_no_restart(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """`headrace console --port N` follows its file, and takes its own port for no change of that."""
    settings, file, log = (
        configuration(kafka.bootstrap_servers, prefix, ""),
        tmp_path / "headrace.toml",
        tmp_path / "log",
    )
    file.write_text(settings)
    headrace = Path(sys.executable).with_name("headrace")
    page = Child([headrace, "-c", file, "console", "--port", str(free_port())], log=log, cwd=tmp_path)
    try:
        await until(lambda: b"console_open" in log.read_bytes(), "the page is there")
        file.write_text(settings + "[tenants.outreach.new]\nwebhook_secrets = ['a secret']\n")
        await until(lambda: b"configuration_taken_over" in log.read_bytes(), "the tenant is taken over")
    finally:
        page.signal(signal.SIGTERM)
        await asyncio.to_thread(page.wait, DEADLINE)
    assert page.exit_code == 0
    assert b"restart_needed" not in log.read_bytes()


def test_the_token_is_in_no_repr() -> None:
    """Nor in a log line that somebody would write of the settings."""
    settings = ConsoleSettings(token=TOKEN)
    with structlog.testing.capture_logs() as logged:
        structlog.get_logger().info("settings", console=settings)
    assert TOKEN not in f"{settings} {Config(tenants=Tenants([]), console=settings)} {logged}"
