"""The configuration follows its files while the program runs: all or nothing."""

import asyncio
import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from headrace.config import Config, load
from headrace.config.config_watch import ConfigWatch
from headrace.config.file_stamps import FileStamps
from headrace.config.live import LiveConfig
from headrace.config.live_report import LiveReport
from headrace.observe.registry import Registry
from tests.kafka.pki import Authority
from tests.unit.configs import write

TENANT = """
[tenants.outreach.acme]
webhook_secrets_file = "mounted/acme"
mapping = "mounted/acme.toml"
[tenants.leadsquared.acme]
webhook_secrets = ["stays"]
"""
ROW = '[[row]]\ntable = "event"\ncode = "{code}"\ntype = "custom.logged"\n'
_versions = itertools.count()


def mounted(folder: Path, **files: str) -> None:
    """Mount files as Kubernetes does: a link to a link to a folder, swapped in one step. `_` of a name is a dot."""
    version = folder / f"..{next(_versions)}"
    version.mkdir(parents=True)
    for name, text in files.items():
        write(version, text, name.replace("_", "."))
    fresh = folder / "..new"
    fresh.symlink_to(version.name)
    fresh.rename(folder / "..data")
    for name in (name.replace("_", ".") for name in files):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


class Watched:
    """A configuration in a folder, and what follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mounted(folder / "mounted", acme="first", acme_toml=ROW.format(code="one"))
        self.file = write(folder, TENANT)
        self.live = LiveConfig(load(self.file, {}))
        self.seen: list[Config] = []
        self.live.follow(self.seen.append)
        self.meanwhile: Callable[[], None] = lambda: None
        self.watch = ConfigWatch(self.live, {}, sleep=lambda _: self.meanwhile())
        assert not self.watch.look(), "what was read at the start is what the files say"

    @property
    def secrets(self) -> list[str]:
        """What deliveries of the mounted tenant are verified with."""
        return self.live.config.tenants.by_source["/outreach/acme"].settings.webhook_secrets

    @property
    def mapping(self) -> str:
        """Which table the mounted tenant has."""
        return self.live.config.tenants.by_source["/outreach/acme"].mapping.id


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Configure two tenants, one with mounted files."""
    return Watched(tmp_path)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds: it is set by what is tested, which has no event."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  (as above)
            await asyncio.sleep(0.01)


def test_a_swapped_mount_is_taken_over_as_a_whole(watched: Watched) -> None:
    """Secrets and table behind a link that moved come together, once; the other tenant stays the same value."""
    before = watched.live.config
    mounted(watched.folder / "mounted", acme="second\nfirst", acme_toml=ROW.format(code="two"))
    with structlog.testing.capture_logs() as logged:
        assert watched.watch.look()
        assert not watched.watch.look()
    assert watched.secrets == ["second", "first"]
    assert watched.seen == [watched.live.config]
    assert before.tenants.by_source["/outreach/acme"].settings.webhook_secrets == ["first"], "values never change"
    other = "/leadsquared/acme"
    assert watched.live.config.tenants.by_source[other] is before.tenants.by_source[other]
    (line,) = logged
    assert (line["event"], line["changed"]) == ("configuration_taken_over", ["/outreach/acme"])
    assert not {"second", "first"} & set(str(line).split("'"))


def test_tenants_come_and_go(watched: Watched) -> None:
    """A file in tenants.d adds its tenants, and takes them away again; so does the main file."""
    folder = watched.folder / "tenants.d"
    folder.mkdir()
    assert not watched.watch.look()
    write(folder, '[tenants.leadping.new]\nwebhook_secrets = ["whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"]\n', "new.toml")
    assert watched.watch.look()
    assert "/leadping/new" in watched.live.config.tenants.by_source
    (folder / "new.toml").unlink()
    watched.file.write_text(TENANT.partition("[tenants.leadsquared")[0])
    with structlog.testing.capture_logs() as logged:
        assert watched.watch.look()
    assert list(watched.live.config.tenants.by_source) == ["/outreach/acme"]
    assert logged[-1]["removed"] == ["/leadsquared/acme", "/leadping/new"]


def test_a_folder_that_vanishes_takes_no_tenants_with_it(watched: Watched) -> None:
    """A mount that failed is no wish to have no tenants: what is in force stays, until the folder is there again."""
    folder = watched.folder / "tenants.d"
    folder.mkdir()
    write(folder, "[tenants.outreach.beta]\n", "beta.toml")
    assert watched.watch.look()
    (folder / "beta.toml").rename(watched.folder / "aside")
    folder.rmdir()
    assert not watched.watch.look()
    assert watched.live.refused[0].endswith("leave it empty where none of its tenants is wanted any more")
    folder.mkdir()
    assert watched.watch.look()
    assert "/outreach/beta" not in watched.live.config.tenants.by_source


@pytest.mark.parametrize("bad", ["secret", "overlay", "main", "folder"])
def test_a_bad_file_changes_nothing_until_it_is_good(bad: str, watched: Watched) -> None:
    """Whatever is bad, nothing is taken over, and that is said once; mended, all that changed meanwhile is."""
    before = watched.live.config
    folder = watched.folder / "mounted"
    if bad == "main":
        watched.file.write_text(TENANT + "oops = = ")
    elif bad == "folder":
        (watched.folder / "tenants.d").mkdir()
        write(watched.folder / "tenants.d", "[tenants.outreach.acme]\n", "twice.toml")
    changed = {"acme": "" if bad == "secret" else "second", "acme_toml": "[[row]]" if bad == "overlay" else ""}
    mounted(folder, **changed)
    with structlog.testing.capture_logs() as logged:
        assert not watched.watch.look()
        assert not watched.watch.look()
        os.utime(watched.file)
        assert not watched.watch.look()
    assert watched.live.config is before
    assert watched.live.refused
    assert [line["event"] for line in logged] == ["configuration_refused"]
    mounted(folder, acme="third", acme_toml="")
    write(watched.folder, TENANT)
    if bad == "folder":
        (watched.folder / "tenants.d" / "twice.toml").unlink()
    with structlog.testing.capture_logs() as logged:
        assert watched.watch.look()
    assert [line["event"] for line in logged] == ["configuration_set_right", "configuration_taken_over"]
    assert (watched.live.refused, watched.secrets) == ((), ["third"])


def test_a_file_that_is_written_in_pieces_is_read_when_it_is_whole(watched: Watched) -> None:
    """Half a file may look sound: nothing is read before the files have been quiet for a moment."""
    pieces = iter(("[tenants.outreach.acme]\nwebhook_secrets = ['half']\n", TENANT + "[tenants.outreach.beta]\n"))

    def write_on() -> None:
        for piece in itertools.islice(pieces, 1):
            watched.file.write_text(piece)

    watched.file.write_text("")
    watched.meanwhile = write_on
    assert watched.watch.look()
    assert len(watched.seen) == 1
    assert {"/outreach/acme", "/leadsquared/acme", "/outreach/beta"} == set(watched.live.config.tenants.by_source)


def test_a_new_file_is_read_when_it_is_whole(watched: Watched) -> None:
    """Its first half may look sound, and lack what the other half says of a tenant that is there already."""
    folder = watched.folder / "tenants.d"
    folder.mkdir()
    head = "[tenants.outreach.new]\nwebhook_secrets = ['a-secret']\n"
    pieces = iter((head, head + "paused = true\n", head + "paused = true\n[tenants.outreach.newer]\npaused = true\n"))

    def write_on() -> None:
        for piece in itertools.islice(pieces, 1):
            (folder / "new.toml").write_text(piece)

    watched.meanwhile = write_on
    write_on()
    assert watched.watch.look()
    assert len(watched.seen) == 1
    found = watched.live.config.tenants.by_source
    assert [found[f"/outreach/{name}"].settings.paused for name in ("new", "newer")] == [True, True]


def test_credentials_of_kafka_that_were_rotated_need_no_restart(tmp_path: Path) -> None:
    """Connections are made with what their files hold then; a file that cannot be used is refused."""
    certificate, key = Authority(tmp_path / "pki").issue("me", password="one")  # noqa: S106  (an invented one)
    (tmp_path / "password").write_text("one")
    text = (
        "[kafka]\nsecurity_protocol = 'SASL_SSL'\nsasl_mechanism = 'PLAIN'\nsasl_username = 'me'\n"
        f"sasl_password_file = 'password'\nssl_certfile = '{certificate}'\nssl_keyfile = '{key}'\n"
        "ssl_keypassword_file = 'password'\n"
    )
    file = write(tmp_path, text)
    live = LiveConfig(load(file, {}))
    watch = ConfigWatch(live, {}, sleep=lambda _: None)
    Authority(tmp_path / "pki").issue("me", password="another")  # noqa: S106  (as above)
    with structlog.testing.capture_logs() as logged:
        watch.look()
        assert "its password in ssl_keypassword is another one" in live.refused[0]
        (tmp_path / "password").write_text("another")
        watch.look()
    assert not live.refused
    assert not live.needs_restart
    assert [line["event"] for line in logged] == ["configuration_refused", "configuration_set_right"]
    file.write_text(text.replace("sasl_password_file = 'password'", "sasl_password = 'a third'"))
    watch.look()
    assert live.needs_restart == ("kafka.sasl_password", "kafka.sasl_password_file")


def test_what_changes_while_it_is_read_is_read_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A swap between the reading of two files of one mount: never one file before it and the other one behind."""
    read_text, swaps = Path.read_text, iter([1])

    def read_then_swap(path: Path, *how: str) -> str:
        text = read_text(path, *how)
        if path.name == "acme":
            for _ in swaps:
                mounted(watched.folder / "mounted", acme="third", acme_toml=ROW.format(code="three"))
        return text

    mounted(watched.folder / "mounted", acme="second", acme_toml=ROW.format(code="two"))
    monkeypatch.setattr(Path, "read_text", read_then_swap)
    assert watched.watch.look()
    assert (watched.secrets, watched.mapping) == (
        ["third"],
        load(watched.file, {}).tenants.by_source["/outreach/acme"].mapping.id,
    )
    assert len(watched.seen) == 1


def test_a_token_of_the_page_is_renewed(tmp_path: Path) -> None:
    """One from a file that changed is in force, and no restart is asked for; one that is too short changes nothing."""
    (tmp_path / "token").write_text("a" * 16)
    live = LiveConfig(load(write(tmp_path, "[console]\ntoken_file = 'token'\n"), {}))
    watch = ConfigWatch(live, {}, sleep=lambda _: None)
    for text, in_force in (("short", "a" * 16), ("b" * 16, "b" * 16)):
        (tmp_path / "token").write_text(text)
        watch.look()
        assert live.config.console.token == in_force
        assert bool(live.refused) is (text == "short")
        assert not live.needs_restart


def test_what_cannot_change_is_named_and_the_rest_is_taken(watched: Watched) -> None:
    """Kafka, prefix and ports need a restart, which is said once; log level, rates, names and tenants come at once."""
    more = "topic_prefix = 'other.'\n[kafka]\nbootstrap_servers = 'b:1'\n[log]\nlevel = 'debug'\n"
    more += "[receiver]\nrate = 7\nport = 99\n[console]\nport = 98\nhosts = ['page.example.com']\n"
    watched.file.write_text(more + TENANT + "[tenants.outreach.beta]\n")
    with structlog.testing.capture_logs() as logged:
        assert watched.watch.look()
        os.utime(watched.file)
        assert not watched.watch.look()
    config = watched.live.config
    needed = ("topic_prefix", "kafka.bootstrap_servers", "receiver.port", "console.port")
    assert watched.live.needs_restart == needed
    assert (config.log.level, config.receiver.rate, config.receiver.port) == ("debug", 7, 8080)
    assert (config.console.hosts, config.console.port) == (["page.example.com"], 9465)
    assert config.topic_prefix == "headrace."
    assert "/outreach/beta" in config.tenants.by_source
    assert [(line["event"], line.get("keys")) for line in logged][-1] == ("restart_needed", list(needed))
    assert [line["event"] for line in logged].count("restart_needed") == 1
    watched.file.write_text(TENANT)
    assert watched.watch.look()
    assert not watched.live.needs_restart


def test_a_look_back_is_judged_by_the_window_in_force(watched: Watched) -> None:
    """A wider window comes with the next start: until then no feed may read further back than ids are remembered."""
    polled = '[tenants.outreach.acme]\npolling = true\naccess_token = "x"\nevents = {look_back = "50d"}\n'
    watched.file.write_text(f'[dedupe]\nwindow = "60d"\n{polled}')
    assert not watched.watch.look()
    assert "is longer than [dedupe] window" in watched.live.refused[0]


def test_probe_and_metrics_show_it(watched: Watched) -> None:
    """A refusal leaves the process ready, and is shown with file and line; so is what needs a restart."""
    registry = Registry("1")
    report = LiveReport(watched.live, registry)

    def shown() -> tuple[str, str, str]:
        page = dict(line.rsplit(" ", 1) for line in registry.render().decode().splitlines() if line[0] != "#")
        (check,) = report.ready().checks
        assert check.ok
        return check.why, page["headrace_configuration_refused"], page["headrace_configuration_restart_needed"]

    assert shown() == ("the files are in force", "0", "0")
    watched.file.write_text("[kafka]\nretries = 1\n")
    assert not watched.watch.look()
    why, refused, waiting = shown()
    assert why.startswith(f"refused, what was in force before stays: {watched.file}:2: kafka.retries: unknown key")
    assert (refused, waiting) == ("1", "0")
    watched.file.write_text(TENANT + "[admin]\nport = 9000\n")
    assert not watched.watch.look()
    assert shown() == ("needs a restart: admin.port", "0", "1")


def test_a_secret_that_cannot_be_read_is_counted_while_it_cannot(watched: Watched) -> None:
    """What runs goes on; a process that starts would not, which is why this is an alarm of its own."""
    registry = Registry("1")
    LiveReport(watched.live, registry)

    def unread() -> str:
        page = dict(line.rsplit(" ", 1) for line in registry.render().decode().splitlines() if line[0] != "#")
        return page["headrace_configuration_files_unread"]

    assert unread() == "0"
    secret = watched.folder / "mounted/acme"
    secret.rename(watched.folder / "elsewhere")
    watched.watch.look()
    assert unread() == "1"
    (watched.folder / "elsewhere").rename(secret)
    watched.watch.look()
    assert unread() == "0"
    watched.file.write_text("[kafka]\nretries = 1\n")
    watched.watch.look()
    assert (len(watched.live.refused), unread()) == (1, "0"), "what is wrong there is something else"


def test_variables_lie_over_the_files_as_at_the_start(tmp_path: Path) -> None:
    """What the environment sets stays set, whatever a file says later."""
    file = write(tmp_path, "[tenants.outreach.acme]\n")
    environ = {"HEADRACE_TENANTS__OUTREACH__ACME__PAUSED": "true", "HEADRACE_CONFIG": "elsewhere"}
    live = LiveConfig(load(file, environ))
    watch = ConfigWatch(live, environ, sleep=lambda _: None)
    file.write_text("[tenants.outreach.acme]\npaused = false\n[tenants.outreach.beta]\n")
    assert watch.look()
    assert [account.settings.paused for account in live.config.tenants] == [True, False]


def test_an_error_of_ours_is_a_refusal(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in the files, what runs goes on, and the error's text, which may hold a secret, is not shown."""

    def fail(*_: object, **__: object) -> Config:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("headrace.config.config_watch.load", fail)
    os.utime(watched.file)
    assert not watched.watch.look()
    assert watched.live.refused == ("the configuration cannot be read: ZeroDivisionError",)


async def test_it_is_followed_until_the_program_ends(watched: Watched) -> None:
    """The watch looks by itself, in a thread, and takes over in the event loop."""
    watching = asyncio.create_task(watched.watch.run(every=0.01))
    mounted(watched.folder / "mounted", acme="second", acme_toml="")
    await until(lambda: watched.secrets == ["second"])
    watching.cancel()


async def test_a_mount_that_hangs_is_said_and_followed_again(watched: Watched) -> None:
    """Whoever hangs with it is one thread, which an end does not wait for; what runs goes on with what it has."""
    hangs = threading.Event()

    def hang() -> None:
        hangs.wait(30)

    watched.meanwhile = hang
    os.utime(watched.file)
    watching = asyncio.create_task(watched.watch.run(every=0.01, within=0.05))
    await until(lambda: bool(watched.live.refused))
    assert watched.live.refused == ("the files cannot be read within 0.05 s: a mount hangs",)
    assert len([one for one in threading.enumerate() if one.name == "configuration"]) == 1
    hangs.set()
    await until(lambda: not watched.live.refused)
    watching.cancel()
    await asyncio.wait([watching])


def test_a_time_that_was_set_back_hides_nothing(tmp_path: Path) -> None:
    """A secret of the same length, written in place by a tool that keeps times."""
    stamps = FileStamps()
    path = write(tmp_path, "one", "file")
    stamps.note(path)
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert stamps.renewed() != stamps


def test_stamps_are_of_what_lies_behind_a_name(tmp_path: Path) -> None:
    """A file as long and as old as the one before is another one; of a folder the names count."""
    stamps = FileStamps()
    path = write(tmp_path, "one", "file")
    for noted in (path, tmp_path, tmp_path / "none"):
        stamps.note(noted)
    assert stamps.renewed() == stamps
    other = write(tmp_path, "two", "other")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)
    assert stamps.renewed() != stamps
