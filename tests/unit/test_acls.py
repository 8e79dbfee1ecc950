"""The ACLs of each role, and the forms in which they are printed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from headrace.cli import main
from headrace.kafka.acls import ROLES, acls


def printed(*words: str, prefix: str = "headrace.", code: int = 0) -> str:
    """Return what `headrace topics acls` prints."""
    environ = {"HEADRACE_TOPIC_PREFIX": prefix, "HEADRACE_CONFIG": ""}
    done = CliRunner().invoke(main, ["topics", "acls", *words], env=environ)
    assert done.exit_code == code, done.output
    return done.output


def rows(*words: str, **how: Any) -> list[dict[str, str]]:
    return [json.loads(line) for line in printed(*words, "--json", **how).splitlines()]


def test_nobody_needs_more_than_topics_groups_and_transactions() -> None:
    """The right to change ACLs is for those who ask for it, and no ACL is there twice."""
    for role in ROLES:
        needed = acls(role, "p.")
        assert {acl.kind for acl in needed} <= {"topic", "group", "transactional-id"}
        assert len({(acl.kind, acl.name, acl.operation) for acl in needed}) == len(needed)
    assert [row["operation"] for row in rows("--end-hanging") if row["resource_type"] == "cluster"] == ["Alter"] * 2


def test_only_who_writes_may_write() -> None:
    """Commands that read change nothing, and the receiver reads no record but notices."""
    for role in ("viewer", "console"):
        assert not [acl for acl in acls(role, "p.") if acl.kind != "topic" or acl.operation in ("WRITE", "CREATE")]
    assert all(acl.optional for acl in acls("console", "p.")), "it goes on, and says what it does not show"
    assert {(acl.name, acl.operation) for acl in acls("console", "p.")} <= {
        (acl.name, acl.operation) for acl in acls("viewer", "p.")
    }
    assert [acl.name for acl in acls("receiver", "p.") if acl.operation == "READ"] == ["p.notices"]


def test_each_role_has_a_principal_of_its_own_that_can_be_named() -> None:
    """By the prefix, or as the command line says; a distinguished name is taken whole."""
    assert {row["principal"] for row in rows("--role", "poller")} == {"User:headrace-poller"}
    assert {row["principal"] for row in rows("--role", "poller", prefix="Acme.crm_")} == {"User:acme-crm-poller"}
    one = ("--role", "receiver", "--role", "poller", "--principal")
    assert {row["principal"] for row in rows(*one, "User:CN=in,O=acme")} == {"User:CN=in,O=acme"}
    both = rows(*one, "User:all", "--principal", "poller=User:CN=poll")
    assert {row["principal"] for row in both} == {"User:all", "User:CN=poll"}
    assert "is no principal" in printed("--principal", "me", code=2)
    assert 'did you mean "receiver"' in printed("--principal", "reciever=User:in", code=2)
    assert "is not among the roles" in printed("--role", "poller", "--principal", "viewer=User:me", code=2)


def test_who_has_two_roles_gets_each_acl_once() -> None:
    """One user for the whole service is one list."""
    found = [json.dumps(row) for row in rows("--principal", "User:all")]
    assert len(found) == len(set(found))


def test_commands_are_a_script_for_a_shell(tmp_path: Path) -> None:
    """Whatever a name holds, each line is one command with its options."""
    text = printed("--role", "normalizer", "--principal", "User:CN=a b,O=it's")
    show = tmp_path / "kafka-acls.sh"
    show.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    show.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin"}
    done = subprocess.run(["sh", "-eu"], input=text, env=environ, capture_output=True, text=True, check=True)
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(call[call.index("--allow-principal") + 1] == "User:CN=a b,O=it's" for call in calls)
    raw, *_ = (call for call in calls if call[-1] == "headrace.raw")
    assert raw[raw.index("--operation") :] == [
        *("--operation", "Read", "--operation", "Write", "--operation", "DescribeConfigs"),
        *("--topic", "headrace.raw"),
    ]
    assert calls[-1][-4:] == ["--resource-pattern-type", "prefixed", "--transactional-id", "headrace.normalizer-"]


def test_a_kafka_user_has_the_same_acls() -> None:
    """As YAML for Strimzi, with a name that Kubernetes takes."""
    users = list(yaml.safe_load_all(printed("--strimzi", "crm")))
    assert [user["metadata"]["name"] for user in users] == [f"headrace-{role}" for role in ROLES]
    assert {user["metadata"]["labels"]["strimzi.io/cluster"] for user in users} == {"crm"}
    found = {
        (user["metadata"]["name"], acl["resource"]["type"], acl["resource"]["name"], operation)
        for user in users
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }
    wanted = {
        (row["principal"].removeprefix("User:"), row["resource_type"], row["resource_name"], row["operation"])
        for row in rows()
    }
    assert found == wanted
    (poller,) = yaml.safe_load_all(printed("--strimzi", "crm", "--role", "poller", "--principal", "User:CN=poll,O=x"))
    assert poller["metadata"]["name"] == "poll"
    assert "cannot be a KafkaUser" in printed("--strimzi", "crm", "--principal", "User:Up", code=2)
    assert "choose one" in printed("--strimzi", "crm", "--json", code=2)


@pytest.mark.parametrize("role", ROLES)
def test_describe_stands_alone_where_nothing_brings_it(role: str) -> None:
    """READ and WRITE bring it, reading settings does not."""
    by_topic: dict[str, set[str]] = {}
    for acl in acls(role, ""):
        by_topic.setdefault(acl.name, set()).add(acl.operation)
    for operations in by_topic.values():
        assert ("DESCRIBE" in operations) is not bool(operations & {"READ", "WRITE"})
