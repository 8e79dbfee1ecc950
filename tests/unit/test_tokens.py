"""Tokens for Kafka: when one is minted, what is used while none can be, and what is read from an issuer's answer."""

import asyncio
import base64
import datetime as dt
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from headrace.config import KafkaSettings
from headrace.kafka.client_credentials import TurnedAway
from headrace.kafka.client_tokens import SharedTokens, tokens_of
from headrace.kafka.msk_token import life_of, mint_msk_token
from headrace.kafka.token_issuer import UNKNOWN_LIFE, IssuedToken, NotMinted, _token_of, mint_token
from tests.kafka.issuer import Issuer
from tests.kafka.pki import Authority

SECRET = "a secret/with %signs"  # noqa: S105  (an invented one)
NOW = 1_780_000_000.0
MSK = KafkaSettings(security_protocol="SASL_SSL", sasl_mechanism="AWS_MSK_IAM", sasl_aws_region="eu-west-1")


class Mint:
    """An issuer that fails as often as it is to, on a clock that stands."""

    def __init__(self) -> None:
        self.now, self.count, self.fails = 100.0, 0, False

    async def __call__(self, _: KafkaSettings) -> IssuedToken:
        """Mint."""
        self.count += 1
        await asyncio.sleep(0)
        if self.fails:
            raise NotMinted("it is away")
        return IssuedToken(f"t{self.count}", 100.0)

    def tokens(self) -> SharedTokens:
        """Return what uses it."""
        return SharedTokens(KafkaSettings(), self, lambda: self.now)


async def test_clients_share_a_token_until_most_of_its_life_is_over() -> None:
    """However many ask at once, one is minted."""
    mint = Mint()
    tokens = mint.tokens()
    assert await asyncio.gather(*(tokens.token() for _ in range(20))) == ["t1"] * 20
    mint.now += 79
    assert await tokens.token() == "t1"
    mint.now += 2
    assert await asyncio.gather(*(tokens.token() for _ in range(20))) == ["t2"] * 20


async def test_while_the_issuer_is_away_the_old_token_is_used_until_it_ends() -> None:
    """That is said once; attempts come less and less often; once it is back, all goes on."""
    mint = Mint()
    tokens = mint.tokens()
    await tokens.token()
    mint.fails, mint.now = True, mint.now + 85
    with capture_logs() as logged:
        assert [await tokens.token() for _ in range(5)] == ["t1"] * 5
        assert mint.count == 2
        mint.now += 0.6
        assert await tokens.token() == "t1"
        assert mint.count == 3
        mint.now += 30
        for _ in range(5):
            with pytest.raises(TurnedAway, match="it is away"):
                await tokens.token()
    assert mint.count == 4
    assert [line["event"] for line in logged] == ["token_not_renewed"]
    mint.fails, mint.now = False, mint.now + 20
    assert await tokens.token() == "t5"


async def test_a_process_has_one_token_for_equal_settings() -> None:
    """Dozens of clients are one client for the issuer."""
    assert tokens_of(MSK) is tokens_of(KafkaSettings(**{name: getattr(MSK, name) for name in MSK.__struct_fields__}))
    assert tokens_of(KafkaSettings()) is None


def jwt(**claims: Any) -> str:
    return f"head.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sign"


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        ({"access_token": "a.b", "expires_in": 300}, 300),
        ({"access_token": "a.b", "expires_in": "300"}, 300),
        ({"access_token": "opaque"}, UNKNOWN_LIFE),
        ({"access_token": jwt(exp=NOW + 5000), "expires_in": "soon"}, 5000),
        ({"access_token": jwt(exp=NOW - 500)}, 0),
        ({"access_token": "a.%.c".replace("%", "_")}, UNKNOWN_LIFE),
    ],
)
def test_how_long_a_token_lives(answer: dict[str, Any], life: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the answer says, else as the token itself does."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    assert _token_of(200, json.dumps(answer).encode(), "idp").life == life


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (503, b"", "the issuer of tokens at idp answers with 503"),
        (401, b'{"error": "invalid_client", "error_description": "x"}', "gives no token (invalid_client)"),
        (403, f'{{"error": "{SECRET}"}}'.encode(), "gives no token (status 403)"),
        (200, b"<html>", "answers with 200 and no token: mend sasl_oauth_token_url"),
        (302, b"", "answers with 302 and no token"),
        (200, b'{"access_token": "a\\u0001auth=b"}', "and no token"),
        (200, b'{"access_token": 5}', "and no token"),
    ],
)
def test_an_answer_without_a_token_is_a_sentence(status: int, body: bytes, sentence: str) -> None:
    """It quotes nothing but codes."""
    with pytest.raises(NotMinted) as failed:
        _token_of(status, body, "idp")
    assert sentence in str(failed.value)
    assert SECRET not in str(failed.value)


async def test_a_secret_is_read_anew_and_sent_as_rfc_6749_has_it(tmp_path: Path) -> None:
    """Whatever characters it has; after a rotation the next token is minted with the new one."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    with Issuer({"me:too": SECRET}) as issuer:
        kafka = KafkaSettings(
            sasl_oauth_token_url=f"{issuer.url}/token",
            sasl_oauth_client_id="me:too",
            sasl_oauth_client_secret="stale",  # noqa: S106  (an invented one)
            sasl_oauth_client_secret_file=str(file),
        )
        issuer.tells_life = False
        assert (await mint_token(kafka)).life == pytest.approx(3600, abs=5)
        issuer.clients["me:too"] = "another"
        with pytest.raises(NotMinted, match="invalid_client"):
            await mint_token(kafka)
        file.write_text("another")
        assert repr(await mint_token(kafka)) == "IssuedToken(3600 s)"


async def test_the_issuer_is_trusted_by_its_certificate(tmp_path: Path) -> None:
    """An authority of the company's own is named; nothing is sent where it does not fit."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("idp", hosts=["localhost"]))
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.headers["Authorization"])
        return web.json_response({"access_token": "t", "expires_in": 9})

    app = web.Application()
    app.router.add_post("/token", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        port = runner.addresses[0][1]
        known = KafkaSettings(
            sasl_oauth_token_url=f"https://localhost:{port}/token",
            sasl_oauth_client_id="me",
            sasl_oauth_client_secret=SECRET,
            sasl_oauth_cafile=str(authority.file),
        )
        assert (await mint_token(known)).value == "t"
        with pytest.raises(NotMinted, match="is not trusted here: set sasl_oauth_cafile"):
            await mint_token(KafkaSettings(**{**_fields(known), "sasl_oauth_cafile": None}))
    finally:
        await runner.cleanup()
    assert len(calls) == 1


def _fields(kafka: KafkaSettings) -> dict[str, Any]:
    return {name: getattr(kafka, name) for name in kafka.__struct_fields__}


async def test_a_token_for_msk_is_a_signed_url_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no secret, and ends when the URL says: whatever the time zone is."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        made = await mint_msk_token(MSK)
    finally:
        monkeypatch.undo()
        time.tzset()
    url = urlsplit(base64.urlsafe_b64decode(made.value + "=" * (-len(made.value) % 4)).decode())
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc) == ("https", "kafka.eu-west-1.amazonaws.com")
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"][0].endswith("/eu-west-1/kafka-cluster/aws4_request")
    assert made.life == pytest.approx(int(query["X-Amz-Expires"][0]), abs=30)
    assert SECRET not in url.geturl()


async def test_aws_without_credentials_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What to set; nothing of it is quoted."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(NotMinted, match="AWS gives no credentials"):
        await mint_msk_token(MSK)


async def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signer is large: most do without it."""
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    with pytest.raises(NotMinted, match=r"pip install 'headrace\[msk\]'"):
        await mint_msk_token(MSK)


def test_what_is_no_token_for_msk_is_refused() -> None:
    """And the end of one is that of its URL."""
    now = dt.datetime.now(dt.UTC)
    url = f"https://kafka.x.amazonaws.com/?X-Amz-Date={now:%Y%m%dT%H%M%SZ}&X-Amz-Expires=900"
    assert life_of(base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")) == pytest.approx(900, abs=5)
    for token in ("%", "aGVsbG8", ""):
        with pytest.raises(NotMinted, match="something else"):
            life_of(token)
