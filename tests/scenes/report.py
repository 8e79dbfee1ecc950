"""The table that the scenes end with."""

import time
from collections.abc import Iterable, Sequence
from typing import Final

from tests.scenes.account import Account
from tests.scenes.stage import GIVES_UP_SECONDS

HEAD: Final = (
    "scene", "platform", "visible", "published", "missing", "doubled", "dropped", "recovered after",
    "calls/min before", "calls during", "until recovered", "calls/min after", "429", "ok while missing",
    "longest unread",
)  # fmt: skip
_LEFT: Final = 2


def row(account: Account) -> Sequence[str]:
    """Return the figures of an account, as of now."""
    now, recovered = time.time(), account.recovered
    visible, missing = account.visible(now), account.missing(now)
    good = account.ends + (recovered or 0.0) + 1.0  # calls are counted by the second
    wrong = account.ok_while_missing
    return (
        account.scene.name,
        account.scene.provider,
        f"{len(visible):,}",
        f"{len(visible) - len(missing):,}",
        f"{len(missing):,}",
        f"{account.doubled:,}",
        f"{sum(account.dropped.values()):,}",
        f"not in {GIVES_UP_SECONDS:.0f} s" if recovered is None else f"{recovered:.0f} s",
        "-" if account.scene.from_start else f"{2 * account.calls(account.begins - 30, account.begins):,}",
        f"{account.calls(account.begins, account.ends):,}",
        "-" if recovered is None else f"{account.calls(account.ends, good):,}",
        f"{2 * account.calls(now - 30, now):,}",
        f"{account.platform.quota.exceeded:,}",
        f"{len(wrong)} of {len(account.looks)}" if wrong else f"no ({len(account.looks)} looks)",
        f"{account.longest_unread:.0f} s of {len(account.read):,}" if account.read else "-",
    )


def table(rows: Iterable[Sequence[str]]) -> str:
    """Lay rows out in columns; numbers to the right."""
    cells = [HEAD, *rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < _LEFT else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    )
