"""The fixture `show_result`: a long test shows in one sentence what it did, at the end of the run."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

ShowResult: TypeAlias = Callable[[str], None]
"""Takes the sentence: numbers, and the seed that repeats the run."""

_RESULT = "result"


@pytest.fixture
def show_result(request: pytest.FixtureRequest) -> ShowResult:
    """Return a function that takes the sentence; it travels with the report, from whichever process ran the test."""

    def show(sentence: str) -> None:
        request.node.user_properties.append((_RESULT, sentence))

    return show


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the sentences of all tests."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for sentence in (value for name, value in report.user_properties if name == _RESULT):
                    terminalreporter.write_line(str(sentence))
