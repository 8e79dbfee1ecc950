"""Secrets of the configuration: where they come from, and that nothing repeats them."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.config import load
from headrace.config.file_stamps import FileStamps
from headrace.config.load import load_what_is_sound
from tests.unit.configs import faults, tenant, write

SECRET = "hunter2-of-acme"  # noqa: S105  (an invented one, to look for)
NOBODY = 65534


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """`x_file` beside the configuration gives x: a whole file, or one secret a line, beside those written inline."""
    write(tmp_path, "sesame\n", "password")
    write(tmp_path, "two\n\n  three  \n", "secrets")
    path = write(
        tmp_path,
        """[kafka]
security_protocol = "SASL_PLAINTEXT"
sasl_mechanism = "PLAIN"
sasl_username = "me"
sasl_password_file = "password"
[tenants.outreach.acme]
webhook_secrets = ["one"]
webhook_secrets_file = "secrets"
""",
    )
    config = load(path, {})
    assert config.kafka.sasl_password == "sesame"  # noqa: S105  (an invented one)
    assert tenant(config).settings.webhook_secrets == ["one", "two", "three"]
    assert tenant(config).settings.webhook_secrets_file == str(tmp_path / "secrets")


def test_a_variable_silences_the_other_way_to_say_it(tmp_path: Path) -> None:
    """A secret in a variable wins over a secret file in the file, and the other way round."""
    write(tmp_path, "from-file", "password")
    sasl = 'security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_username = "me"\n'
    by_file = write(tmp_path, f'[kafka]\n{sasl}sasl_password_file = "password"', "by_file.toml")
    inline = write(tmp_path, f'[kafka]\n{sasl}sasl_password = "inline"', "inline.toml")
    variable = load(by_file, {"HEADRACE_KAFKA__SASL_PASSWORD": "from-variable"})
    assert variable.kafka.sasl_password == "from-variable"  # noqa: S105  (an invented one)
    file = load(inline, {"HEADRACE_KAFKA__SASL_PASSWORD_FILE": str(tmp_path / "password")})
    assert file.kafka.sasl_password == "from-file"  # noqa: S105  (an invented one)


PLAIN = 'security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_username = "me"\nsasl_password = "x"\n'
TOKENS = (
    'security_protocol = "SASL_SSL"\nsasl_mechanism = "OAUTHBEARER"\nsasl_oauth_client_id = "me"\n'
    'sasl_oauth_client_secret = "x"\nsasl_oauth_token_url = "http://login.example.com/token"\n'
)


@pytest.mark.parametrize(
    ("kafka", "expected"),
    [
        ('sasl_password = "x"', ["sasl_password: has no effect under PLAINTEXT"]),
        ('ssl_certfile = "headrace.toml"', ["ssl_certfile: has no effect under PLAINTEXT"]),
        (
            'security_protocol = "SASL_SSL"\nsasl_username = "me"',
            ["sasl_mechanism: SASL_SSL needs it", "sasl_password: "],
        ),
        ('security_protocol = "SSL"\nssl_cafile = "ca.pem"', ["ssl_cafile: there is no file ca.pem"]),
        ('security_protocol = "SSL"\nssl_keyfile = "headrace.toml"', ["ssl_keyfile: a key needs the certificate"]),
        ('sasl_password_file = "no"', ["sasl_password_file: the file that it names cannot be read"]),
        ('sasl_oauth_scope = "x"', ["sasl_oauth_scope: has no effect under PLAINTEXT"]),
        (
            'security_protocol = "SASL_SSL"\nsasl_mechanism = "OAUTHBEARER"\nsasl_oauth_client_id = "me"',
            ["sasl_oauth_client_secret: OAUTHBEARER needs it", "sasl_oauth_token_url: OAUTHBEARER needs it"],
        ),
        (
            f'{PLAIN}sasl_oauth_scope = "x"\nsasl_aws_region = "eu-west-1"',
            [
                "sasl_oauth_scope: has no effect under PLAIN: set sasl_mechanism to OAUTHBEARER",
                "sasl_aws_region: has no effect under PLAIN: set sasl_mechanism to AWS_MSK_IAM",
            ],
        ),
        (
            'security_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "AWS_MSK_IAM"\nsasl_username = "me"',
            [
                "sasl_aws_region: AWS_MSK_IAM needs it",
                "sasl_mechanism: AWS_MSK_IAM needs TLS",
                "sasl_username: has no effect under AWS_MSK_IAM: set sasl_mechanism to PLAIN or SCRAM-SHA-256",
            ],
        ),
        ('security_protocol = "SASL_SSL"\nsasl_oauth_client_id = "me"', ["sasl_mechanism: SASL_SSL needs it"]),
        (
            f'{TOKENS}sasl_oauth_extensions = {{ trace = "a\\u0001b" }}',
            [
                "sasl_oauth_token_url: expected an https URL",
                "sasl_oauth_extensions: expected",
            ],
        ),
        ('security_protocol = "SSL"\nssl_cafile = "headrace.toml"', ["ssl_cafile: holds no certificates in PEM"]),
        (
            'security_protocol = "SSL"\nssl_certfile = "headrace.toml"\nssl_keyfile = "headrace.toml"',
            ["ssl_keyfile: holds no key in PEM that can be read, or it may need ssl_keypassword"],
        ),
    ],
)
def test_kafka_settings_that_cannot_be_together(tmp_path: Path, kafka: str, expected: list[str]) -> None:
    """Settings without effect, or without their other half, are reported instead of failing at the broker."""
    found = [
        re.sub(r"^headrace.toml:\d+: kafka\.", "", fault) for fault in faults(write(tmp_path, f"[kafka]\n{kafka}\n"))
    ]
    assert len(found) == len(expected)
    assert all(fault.startswith(start) for fault, start in zip(found, expected, strict=True))


@pytest.fixture
def folder_for_all() -> Iterator[Path]:
    """Return a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def without_rights() -> Iterator[None]:
    """Be somebody whom a file's mode keeps out: root is not."""
    before = os.geteuid()
    os.seteuid(before or NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_files_that_are_there_and_cannot_be_read_are_unread(folder_for_all: Path) -> None:
    """A certificate or a secret without the right to read it is a fault, and counted, like one that is not there."""
    files = {folder_for_all / "ca.pem", folder_for_all / "password"}
    for file in files:
        file.write_text("something")
    sasl = 'security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_username = "me"\n'
    text = f'[kafka]\n{sasl}sasl_password_file = "password"\nssl_cafile = "ca.pem"\n'
    config = write(folder_for_all, text)
    stamps = FileStamps()
    load_what_is_sound(config, {}, stamps=stamps)
    assert not stamps.unread
    for file in files:
        file.chmod(0)
    with without_rights():
        found = load_what_is_sound(config, {}, stamps=stamps)
    assert [fault.reason for fault in found.faults] == [
        "the file that it names cannot be read: Permission denied",
        f"{folder_for_all / 'ca.pem'} cannot be read: Permission denied",
    ]
    assert stamps.unread == files


def test_empty_secrets_are_refused(tmp_path: Path) -> None:
    """An empty secret proves nothing: inline, in a file, or as an empty file, it is reported."""
    write(tmp_path, "\n \n", "empty")
    inline = '[tenants.outreach.acme]\nwebhook_secrets = ["one", ""]'
    assert faults(write(tmp_path, inline)) == [
        "headrace.toml:2: tenants.outreach.acme.webhook_secrets: a secret is empty"
    ]
    in_file = '[tenants.outreach.acme]\nwebhook_secrets_file = "empty"'
    assert faults(write(tmp_path, in_file)) == [
        "headrace.toml:2: tenants.outreach.acme.webhook_secrets_file: empty is empty"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'[tenants.outreach.acme]\nwebhook_secrets = "{SECRET}"',
        f'[tenants.outreach.acme]\nwebhook_secrets = ["{SECRET}", 1]',
        f'[tenants.outreach.acme]\npolling = "{SECRET}"',
        f'[tenants.outreach.acme]\nwebhook_secret = "{SECRET}"',
        f'[tenants.leadping.acme]\nwebhook_secrets = ["{SECRET}"]\nwebhook_mode = "{SECRET}"',
        f'[kafka]\nsasl_password = "{SECRET}"',
        f'[kafka]\nsasl_mechanism = "{SECRET}"',
        f'[kafka]\ncompression = "{SECRET}"\nbootstrap_servers = "{SECRET}:{SECRET}"',
        f'[dedupe]\nwindow = "{SECRET}"',
        f'topic_prefix = "{SECRET} "',
        f'[kafka]\nsasl_password = "{SECRET}',
        f"[kafka]\nsasl_password = {SECRET}",
    ],
)
def test_promise_7_no_error_holds_a_secret(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with a secret, or wherever one went astray, no sentence repeats it."""
    reported = faults(write(tmp_path, text))
    assert reported
    assert SECRET not in "\n".join(reported)


def test_promise_7_no_representation_holds_a_secret(tmp_path: Path) -> None:
    """A configuration that is logged by accident tells no secret."""
    path = write(
        tmp_path,
        '[kafka]\nsecurity_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_username = "me"\n'
        f'sasl_password = "{SECRET}"\n[tenants.outreach.acme]\nwebhook_secrets = ["{SECRET}"]\n',
    )
    config = load(path, {})
    assert config.kafka.sasl_password == SECRET
    assert SECRET not in repr(config)
    assert SECRET not in repr(config.kafka)
