"""The rules that Prometheus is deployed with, and how Prometheus itself evaluates them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.files import DEPLOY, document

REQUIRE = "HEADRACE_REQUIRE_PROMTOOL"
FILE = DEPLOY / "prometheus/alerts.yml"
_ALL: list[dict[str, Any]] = [rule for group in document(FILE)["groups"] for rule in group["rules"]]
RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in _ALL if "alert" in rule}
_LABEL = re.compile(r"{{ \$labels\.(\w+) }}")
_VALUE = re.compile(r"{{ \$value[^}]*}}")


def fired(alert: str, labels: dict[str, str], value: str = "") -> dict[str, Any]:
    """Return an alert as it fires: with its severity, and its texts about these labels and this value."""
    rule = RULES[alert]
    texts = {
        name: _VALUE.sub(value, _LABEL.sub(lambda label: labels[label[1]], text))
        for name, text in rule["annotations"].items()
    }
    return {"exp_labels": labels | rule["labels"], "exp_annotations": texts}


def rules_of(alert: str) -> list[dict[str, Any]]:
    """Return the rules that an alert needs: its own, behind those that record what it asks for."""
    expression = RULES[alert]["expr"]
    return [*(rule for rule in _ALL if "record" in rule and rule["record"] in expression), RULES[alert]]


def promtool(folder: Path, tests: list[dict[str, Any]], every: str = "1m", alert: str | None = None) -> None:
    """Run unit tests of the rules, which must hold; all are evaluated so often, or only those of one alert."""
    if shutil.which("promtool") is None:
        if os.environ.get(REQUIRE):
            pytest.fail(f"{REQUIRE} is set, and there is no promtool")
        pytest.skip("there is no promtool to evaluate rules with: apt-get install prometheus")
    rules, file = FILE, folder / "tests.yml"
    if alert:
        rules = folder / "rules.yml"
        rules.write_text(yaml.safe_dump({"groups": [{"name": alert, "rules": rules_of(alert)}]}))
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": every, "tests": tests}))
    done = subprocess.run(("promtool", "test", "rules", file), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
