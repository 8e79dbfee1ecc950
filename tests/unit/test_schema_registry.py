"""Registering schemas where the registry does not do what it should: one sentence, a deadline, and no secret in it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from headrace.cli import main
from headrace.cli._registry_subjects import Subject, SubjectState, register, subjects
from headrace.cli._schema_registry import NOBODY, Credentials, base_url, basic, bearer, open_registry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SUBJECT = Subject("headrace.events-value", '{"type":"object"}')
ABSENT = {"error_code": 40401, "message": "no such subject"}


async def outcome(handler: Handler, credentials: Credentials = NOBODY, deadline: float = 5.0) -> SubjectState:
    """Return what becomes of a registration where every request is answered by `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        url = base_url(str(server.make_url("/api")))
        async with open_registry(url, credentials, deadline=deadline) as registry:
            return await register(registry, SUBJECT, dry_run=False)


def answering(status: int, body: object, **headers: str) -> Handler:
    """Return a handler that always answers the same."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body), headers=headers)

    return handler


@pytest.mark.parametrize(
    ("handler", "detail"),
    [
        (answering(401, ""), "it denies access (401): name credentials that may, with --basic-file or --bearer-file"),
        (answering(403, {"message": "go away"}), "it denies access (403)"),
        (answering(302, "", Location="http://elsewhere.example.com/"), "it redirects (302)"),
        (answering(404, "<html>"), "it answers 404, not as a registry does: is this the path of its Confluent API?"),
        (answering(404, {"detail": "no path"}), "it answers 404, not as a registry does"),
        (answering(200, "<html>"), "its answer has no version: is this the path of its Confluent API?"),
        (answering(200, {"version": "7"}), "its answer has no version"),
        (answering(200, "[" * 100_000), "its answer has no version"),
        (answering(500, {"error_code": 50001, "message": "disk is full"}), "it answers 500: disk is full"),
        (answering(500, {"message": "x" * 10_000}), "it answers 500: " + "x" * 300),
        (answering(404, ABSENT), "it has no such subject, and makes none"),
        (answering(200, "x" * 5 * 1024 * 1024), "it answers with more than 4 MiB"),
    ],
)
async def test_what_a_registry_may_answer(handler: Handler, detail: str) -> None:
    """Each is one sentence, with what to do where that is known."""
    found = await outcome(handler)
    assert found.state == "failed"
    assert found.detail.startswith(detail)
    assert len(found.detail) <= 400


async def test_a_registry_that_hangs() -> None:
    """A call ends with its deadline, in the head or in the body."""

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(30)
        return response

    async with asyncio.timeout(10):
        assert (await outcome(silent, deadline=0.2)).detail == "it did not answer within 0 s"


async def test_a_registry_that_is_not_there() -> None:
    """Nobody listens: one sentence."""
    async with open_registry(base_url("http://127.0.0.1:1")) as registry:
        found = await register(registry, SUBJECT, dry_run=True)
    assert (found.state, found.detail) == ("failed", "it does not answer (ClientConnectorError): look at --url")


async def test_a_schema_that_is_refused() -> None:
    """A conflict is the registry's verdict, and no failure."""

    async def handler(request: web.Request) -> web.Response:
        if request.path.endswith("/versions"):
            return web.json_response({"error_code": 409, "message": "incompatible: title"}, status=409)
        return web.json_response(ABSENT, status=404)

    found = await outcome(handler)
    assert (found.state, found.detail) == ("refused", "it answers 409: incompatible: title")


@pytest.mark.parametrize("credentials", [basic('ops:sentinel-p/ss"\n'), bearer("sentinel-t/ken\n")])
async def test_a_secret_that_is_sent_back_is_not_shown(credentials: Credentials) -> None:
    """A registry that quotes what it was sent, as a header or in its parts, is quoted without it."""

    async def echoing(request: web.Request) -> web.Response:
        sent = request.headers["Authorization"]
        forms = ('sentinel-p/ss"', "sentinel-t/ken", "sentinel-p%2Fss%22", "sentinel-t%2Fken", 'sentinel-p/ss\\"')
        return web.json_response({"message": f"no: {sent} {sent.rstrip('=')} {' '.join(forms)}"}, status=500)

    found = await outcome(echoing, credentials)
    assert found.detail.startswith("it answers 500: no: ")
    mine = "sentinel-p" if "p/ss" in str(credentials.secrets) else "sentinel-t"
    assert all(secret not in found.detail for secret in (*credentials.secrets, mine))
    assert repr(credentials) == str(credentials) == "Credentials(***)"


@pytest.mark.parametrize(
    ("take", "text"),
    [
        *((basic, text) for text in ("", "\n", "ops", ":word", "ops:", "ops:a\nb", "ops:\x00")),
        *((bearer, text) for text in ("", "two words", "a\nb", "tök")),
    ],
)
def test_what_is_no_credential(take: Callable[[str], Credentials], text: str) -> None:
    """It is refused without being quoted."""
    with pytest.raises(ValueError, match="it must hold one line") as raised:
        take(text)
    assert not text.strip() or text.strip() not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("registry:8081", "must begin with"),
        ("ftp://registry", "must begin with"),
        ("https://", "must begin with"),
        ("http://[", "no URL"),
        ("https://ops:sentinel@registry", "holds credentials"),
        ("https://registry/?token=sentinel", "without ? and #"),
    ],
)
def test_what_is_no_address(url: str, fault: str) -> None:
    """It is refused before anything is sent, and what may be a secret in it is not quoted."""
    with pytest.raises(ValueError, match=fault.replace("?", r"\?")) as raised:
        base_url(url)
    assert "sentinel" not in str(raised.value)


def test_a_subject_is_named_after_its_topic() -> None:
    """TopicNameStrategy, with the prefix; dead letters hold other bytes than JSON, so that they have none."""
    names = [subject.name for subject in subjects("eu.headrace.")]
    assert "eu.headrace.events-value" in names
    assert "eu.headrace.dead-letters-value" not in names


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 2, "Missing option '--url'"),
        (("--url", "https://ops:sentinel@registry"), 2, "it holds credentials: put them into a file"),
        (("--url", "http://127.0.0.1:1", "--basic-file", "a", "--bearer-file", "b"), 2, "name one"),
        (("--url", "http://127.0.0.1:1", "--basic-file", "none"), 1, "none cannot be read: No such file"),
        (("--url", "http://127.0.0.1:1", "--basic-file", "secret"), 1, "secret: it must hold one line, name:password"),
        (("--url", "http://127.0.0.1:1", "--ca-file", "none"), 1, "none cannot be used: No such file"),
        (("--url", "http://127.0.0.1:1", "--ca-file", "secret"), 1, "secret cannot be used"),
        (("--url", "http://127.0.0.1:1"), 1, "headrace.events-value: it does not answer (ClientConnectorError)"),
    ],
)
def test_mistakes_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """One sentence and the exit code; nothing of a secret."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("sentinel\n")
    done = CliRunner().invoke(main, ("schemas", "register", *words))
    assert done.exit_code == code, done.output
    assert sentence in done.output
    assert "sentinel" not in done.output
    assert isinstance(done.exception, SystemExit)
