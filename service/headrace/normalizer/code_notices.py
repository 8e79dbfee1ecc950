"""Notices of native codes without a row of their own: when one comes in, and that tables have changed since."""

import time
from collections.abc import Callable, Iterable, Mapping as Dict
from typing import Final

from headrace.config.tenants import Account
from headrace.observe.notice_level import LONGEST_ITEM
from headrace.observe.notices import Notices
from headrace_events import Notice, NoticeKind

MOST: Final = 500
"""Codes that are told apart: further ones are counted by the metrics, and listed by `headrace taxonomy unmapped`."""
AGAIN_SECONDS: Final = 3_600.0
"""How long nothing is noted of a code that keeps coming in."""
_KIND: Final = NoticeKind.CODE_FIRST_SEEN
_UNMAPPED: Final = "code {} has no row: its events are published as unmapped; see `headrace taxonomy unmapped`"
_PROVISIONAL: Final = "code {} has no row of its own, only one for a range; see `headrace taxonomy unmapped`"


class CodeNotices:
    """What is noted of codes, by source and code. Such a notice is over once its tenant has another mapping."""

    def __init__(self, notices: Notices, clock: Callable[[], float] = time.monotonic) -> None:
        self._notices: Final = notices
        self._clock: Final = clock
        self._mappings: Dict[str, str] = {}
        self._codes: Final[dict[tuple[str, str], float]] = {}

    def know(self, tenants: Iterable[Account]) -> None:
        """Take the tables of these tenants as those in force."""
        before, self._mappings = self._mappings, {account.source: account.mapping.id for account in tenants}
        changed = {source for source, mapping in self._mappings.items() if before.get(source, mapping) != mapping}
        for source, code in [key for key in self._codes if key[0] in changed]:
            del self._codes[source, code]
        for source in changed:
            self._notices.end(source, {_KIND})
        self._notices.judge(_KIND, self._holds)

    def saw(self, source: str, code: str, *, unmapped: bool) -> None:
        """Note that a code without a row of its own came in."""
        key, now = (source, code), self._clock()
        noted = self._codes.get(key)
        mapping = self._mappings.get(source)
        is_known = noted is not None and now < noted + AGAIN_SECONDS
        if is_known or mapping is None or not code or (noted is None and len(self._codes) >= MOST):
            return
        self._codes[key] = now
        why = (_UNMAPPED if unmapped else _PROVISIONAL).format(code[:LONGEST_ITEM])
        self._notices.note(_KIND, source, why, item=code, mapping=mapping)

    def _holds(self, notice: Notice) -> bool:
        """Return whether a notice on the topic is about the tables in force, as far as this process knows them."""
        mapping = self._mappings.get(notice.source)
        return mapping is None or notice.data.mapping == mapping
