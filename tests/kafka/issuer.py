"""An issuer of tokens on loopback, as OpenID providers are: client credentials in, a signed JWT out, and its keys."""

import base64
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE: Final = "kafka"


class Issuer:
    """Listens from `start` to `close`. `clients` are secrets by client, each of whom is the subject of its tokens."""

    def __init__(self, clients: Mapping[str, str]) -> None:
        self.clients: Final = dict(clients)
        self.life = 3600.0
        """Seconds for which a token lives."""
        self.status = 0
        """What token requests are answered with instead, where it is not 0."""
        self.audience = AUDIENCE
        self.tells_life = True
        self.forms: Final[list[Mapping[str, list[str]]]] = []
        """What token requests held."""
        self.minted: Final[list[str]] = []
        self._key: Final = rsa.generate_private_key(65537, 2048)
        self._server: Final = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url: Final = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def keys(self) -> Mapping[str, Any]:
        """Return the public keys, as a JWKS."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256"}
        return {"keys": [key | {"n": _base64(_bytes(numbers.n)), "e": _base64(_bytes(numbers.e))}]}

    def answer(self, authorization: str, form: Mapping[str, list[str]]) -> tuple[int, Mapping[str, Any]]:
        """Answer a token request."""
        self.forms.append(form)
        if self.status:
            return self.status, {"error": "server_error", "error_description": f"not for {authorization}"}
        client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if self.clients.get(unquote(client)) != unquote(secret):
            return 401, {"error": "invalid_client", "error_description": f"{secret} is no secret of {client}"}
        token = self.sign(unquote(client))
        self.minted.append(token)
        life = {"expires_in": self.life} if self.tells_life else {}
        return 200, {"access_token": token, "token_type": "Bearer"} | life

    def sign(self, subject: str) -> str:
        """Return a token of this subject."""
        now = time.time()
        claims = {"iss": self.url, "sub": subject, "aud": self.audience, "iat": now, "exp": now + self.life}
        head = {"alg": "RS256", "kid": "one", "typ": "JWT"}
        text = f"{_base64(json.dumps(head).encode())}.{_base64(json.dumps(claims).encode())}"
        return f"{text}.{_base64(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, issuer.keys())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*issuer.answer(self.headers.get("Authorization", ""), parse_qs(body)))

        def _send(self, status: int, answer: Mapping[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    return Handler


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
