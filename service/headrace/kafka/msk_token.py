"""A token for Amazon MSK: a URL of its own region, signed by the credentials that AWS finds where we run.

The signer comes with the extra `headrace[msk]`: https://github.com/aws/aws-msk-iam-sasl-signer-python.
"""

import asyncio
import base64
import binascii
import datetime as dt
import time
from typing import Final
from urllib.parse import parse_qs, urlsplit

from headrace.config import KafkaSettings
from headrace.kafka.token_issuer import IssuedToken, NotMinted

DEADLINE_SECONDS: Final = 10.0
"""Credentials may have to be fetched from a metadata service."""


async def mint_msk_token(kafka: KafkaSettings) -> IssuedToken:
    """Sign a token. Raises `NotMinted`."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            value = await asyncio.to_thread(_sign, kafka.sasl_aws_region or "")
    except TimeoutError:
        raise NotMinted(f"AWS gave no credentials within {DEADLINE_SECONDS:.0f} s") from None
    return IssuedToken(value, life_of(value))


def _sign(region: str) -> str:
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415  (an extra: most installations lack it)
    except ImportError:
        raise NotMinted("sasl_mechanism AWS_MSK_IAM needs its signer: pip install 'headrace[msk]'") from None
    try:
        value, _ = MSKAuthTokenProvider.generate_auth_token(region)
    except Exception as error:  # noqa: BLE001  (whatever it is, it may quote credentials)
        raise NotMinted(
            f"AWS gives no credentials for a token ({type(error).__name__}): set a role for this process, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    return str(value)


def life_of(token: str) -> float:
    """Return the seconds for which a token lives, by the URL in it: the signer tells the end in local time.

    Raises `NotMinted` where it is no such token.
    """
    try:
        query = parse_qs(urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()).query)
        begun = dt.datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        return max(0.0, begun.timestamp() + int(query["X-Amz-Expires"][0]) - time.time())
    except (binascii.Error, ValueError, KeyError):
        raise NotMinted("the signer made something else than a token for MSK: is headrace[msk] up to date?") from None
