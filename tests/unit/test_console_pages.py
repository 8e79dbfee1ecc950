"""The page over HTTP, without Kafka: who gets in, what each answer carries, and that all text is only text."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, CookieJar, web

from headrace.config import Config, load
from headrace.config.live import LiveConfig
from headrace.console.server import PageServer
from headrace.console.watch import Watch
from tests.unit.configs import write

LOGIN = "a-token-of-many-letters"
CONFIG = """\
[kafka]
bootstrap_servers = "127.0.0.1:9"
[tenants.leadping.acme]
webhook_secrets = ["whsec_ZGVtby1zZWNyZXQtb2YtdHdlbnR5LWZvdXItYnl0ZXM="]
"""


class Page:
    """A page that is served, and who looks at it."""

    def __init__(self, port: int, session: ClientSession, watch: Watch) -> None:
        self.url, self.session, self.watch = f"http://127.0.0.1:{port}", session, watch

    async def get(self, path: str, **how: Any) -> tuple[int, str, dict[str, str]]:
        async with self.session.get(self.url + path, allow_redirects=False, **how) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    async def post(self, path: str, **form: str) -> tuple[int, str, dict[str, str]]:
        async with self.session.post(self.url + path, data=form, allow_redirects=False) as answer:
            return answer.status, await answer.text(), dict(answer.headers)


async def served(config: Config) -> AsyncIterator[Page]:
    live = LiveConfig(config)
    watch = Watch(live)
    runner = web.AppRunner(PageServer(live, watch).app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
            yield Page(runner.addresses[0][1], session, watch)
    finally:
        await runner.cleanup()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async for one in served(load(write(tmp_path, CONFIG), {})):
        yield one


@pytest.fixture
async def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Page]:
    monkeypatch.setattr("headrace.console.access.FAILED_SECONDS", 0.0)
    async for one in served(load(write(tmp_path, f'{CONFIG}[console]\ntoken = "{LOGIN}"\n'), {})):
        yield one


@pytest.mark.parametrize("path", ["/", "/events?type=call&lead=x", "/partitions", "/codes", "/static/console.css"])
async def test_what_needs_no_record_answers_at_once(page: Page, path: str) -> None:
    """Before anything was read, each page is there, with the headers that let nothing in from elsewhere."""
    status, text, headers = await page.get(path)
    assert status == 200
    assert text
    policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/events/0/1", "/events/0/1/trail", "/letters", "/letters/0/1", "/codes/found"])
async def test_what_kafka_does_not_answer_is_said(page: Page, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a page with a sentence, and a status that says that it is not there now."""
    monkeypatch.setattr("headrace.console.pages.READ_SECONDS", 0.5)
    status, text, headers = await page.get(path)
    assert status == 503
    assert "Kafka" in text
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize("path", ["/nothing", "/events/x/1", "/events/0/1/2", "/static/../server.py", "/static/"])
async def test_what_is_not_there_is_said(page: Page, path: str) -> None:
    """No file beside the static ones is served, and no folder is listed."""
    status, text, headers = await page.get(path)
    assert status in {403, 404}
    assert "import" not in text
    assert "Content-Security-Policy" in headers


async def test_another_name_is_refused(page: Page) -> None:
    """Else a page from elsewhere, whose name is led to this machine, could read this one."""
    status, text, _ = await page.get("/", headers={"Host": "evil.example.com"})
    assert status == 421
    assert "[console] hosts" in text


async def test_only_the_login_takes_anything(page: Page) -> None:
    """All else is GET."""
    for path in ("/", "/events", "/codes", "/logout"):
        assert (await page.post(path))[0] == 405


@pytest.mark.parametrize("path", ["/", "/events", "/events/0/1", "/letters", "/codes", "/codes/found", "/partitions"])
async def test_nothing_is_shown_before_a_login(guarded: Page, path: str) -> None:
    """Not even that there is no such record."""
    status, text, headers = await guarded.get(path)
    assert (status, headers["Location"], text) == (303, "/login", "303: See Other") or (status, text) == (303, "")
    assert (await guarded.get("/live"))[0] == 401


async def test_a_token_logs_in_and_out(guarded: Page) -> None:
    """The cookie is for this page's own requests, and no script's."""
    status, text, _ = await guarded.post("/login", token=f"not-{LOGIN}")
    assert status == 401
    assert "not the token" in text
    status, _, headers = await guarded.post("/login", token=LOGIN)
    assert status == 303
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert LOGIN not in cookie
    assert (await guarded.get("/"))[0] == 200
    assert (await guarded.get("/logout"))[0] == 303
    assert (await guarded.get("/"))[0] == 303


async def test_the_cookie_of_a_page_behind_tls_is_for_tls_alone(guarded: Page) -> None:
    """Whether TLS ends here or in a proxy in front."""
    for scheme, secure in (("https", True), ("http", False)):
        async with guarded.session.post(
            f"{guarded.url}/login", data={"token": LOGIN}, headers={"X-Forwarded-Proto": scheme}, allow_redirects=False
        ) as answer:
            assert ("Secure" in answer.headers["Set-Cookie"]) is secure


async def test_too_many_wrong_tokens_shut_the_door(guarded: Page) -> None:
    """For a while, with a sentence."""
    answers = [await guarded.post("/login", token=f"wrong-{number}") for number in range(25)]
    assert answers[-1][0] == 429
    assert "wait a minute" in answers[-1][1]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/x-www-form-urlencoded; charset=foo"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
async def test_a_login_that_is_no_form_is_refused(guarded: Page, headers: dict[str, str]) -> None:
    """It is whoever sent it who is wrong, not the page."""
    async with guarded.session.post(f"{guarded.url}/login", data=b"token=\xff\xfe", headers=headers) as answer:
        assert answer.status in {400, 401}


async def test_a_filter_is_only_text(page: Page) -> None:
    """Whatever a query holds, it is shown as it is."""
    evil = '"><script>alert(1)</script>'
    _, text, _ = await page.get("/events", params={"lead": evil, "source": evil, "type": evil})
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


async def test_an_open_page_gets_its_parts(page: Page) -> None:
    """The stream begins with each part of the page as it is now."""
    found: set[str] = set()
    async with page.session.get(page.url + "/live?page=overview") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        async for line in answer.content:
            if line.startswith(b"data: "):
                found.add(msgspec.json.decode(line[6:])["part"])
            if len(found) == 6:
                break
        assert page.watch.is_wanted
    assert found == {"trouble", "events", "flow", "notices", "ways", "equation"}
