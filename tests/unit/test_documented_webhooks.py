"""The webhooks of "Get started" are signed as their platforms sign them: they are taken, and each makes an event."""

import re
import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from headrace.core.mapping_file import build
from headrace.explain import explain_raw
from headrace.providers.discover import builtin, discover
from headrace.sdk.provider import Delivery

PAGE: Final = (Path(__file__).parents[2] / "service/docs/get-started.md").read_text("utf-8")
SECRETS: Final = {"outreach": "a secret", "leadping": "whsec_YSBzZWNyZXQ="}
_BLOCK: Final = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_URL: Final = re.compile(r"http://127\.0\.0\.1:8080/webhooks/([a-z]+)/main")
_TOOLS: Final = ("bash", "openssl", "base64", "od")


def webhooks() -> dict[str, str]:
    """Return the shell blocks of the page that send a webhook, by provider."""
    return {found[1]: block for block in _BLOCK.findall(PAGE) if (found := _URL.search(block))}


def test_each_is_found() -> None:
    """With the secret that the text has beside it."""
    assert webhooks().keys() == SECRETS.keys()
    for secret in SECRETS.values():
        assert f'webhook_secrets = ["{secret}"]' in PAGE


@pytest.mark.skipif(not all(map(shutil.which, _TOOLS)), reason=f"needs {', '.join(_TOOLS)}")
@pytest.mark.parametrize("name", SECRETS)
def test_what_the_shell_sends_is_taken(name: str) -> None:
    """Whoever copies the lines gets an event that is not unmapped."""
    shell = 'curl() { printf "%s\\0" "$@"; }\n' + webhooks()[name]
    done = subprocess.run(["bash", "-euc", shell], capture_output=True, check=True, timeout=60)
    words = done.stdout.decode().split("\0")
    headers = dict(after.split(": ", 1) for option, after in pairwise(words) if option == "-H")
    (body,) = (after.encode() for option, after in pairwise(words) if option == "-d")
    delivery = Delivery(
        tenant="main",
        method="POST",
        headers={header.lower(): value for header, value in headers.items()},
        query={},
        body=body,
        received=int(time.time() * 1000),
    )
    provider = discover()[name]
    accepted = provider.accept(delivery, provider.Settings(webhook_secrets=[SECRETS[name]]))
    (raw,) = accepted.events
    event = explain_raw(provider, build(builtin(name)), raw).event
    assert event is not None
    assert event.data.action
