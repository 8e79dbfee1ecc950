"""Notices of native codes without a row of their own: when one comes in, and that tables have changed since."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from headrace.config.tenants import Account
from headrace.observe.notice_level import CODE_LASTS_SECONDS, LONGEST_ITEM
from headrace.observe.notices import Notices
from headrace_events import Notice, NoticeKind

MOST: Final = 100
"""Codes of a tenant that are told apart: the metrics count further ones, `headrace taxonomy unmapped` lists them."""
AGAIN_SECONDS: Final = 3_600.0
"""How long nothing is noted of a code that keeps coming in."""
_KIND: Final = NoticeKind.CODE_FIRST_SEEN
_UNMAPPED: Final = "code {} has no row: its events are published as unmapped; see `headrace taxonomy unmapped`"
_PROVISIONAL: Final = "code {} has no row of its own, only one for a range; see `headrace taxonomy unmapped`"


class CodeNotices:
    """What is noted of codes, by source and code. Such a notice is over once its tenant's tables decide it."""

    def __init__(self, notices: Notices, clock: Callable[[], float] = time.monotonic) -> None:
        self._notices: Final = notices
        self._clock: Final = clock
        self._accounts: dict[str, Account] = {}
        self._codes: Final[dict[str, dict[str, float]]] = {}
        """When each code of a source was noted."""

    def know(self, tenants: Iterable[Account]) -> None:
        """Take the tables of these tenants as those in force; of others, nothing is the case any more."""
        before, self._accounts = self._accounts, {account.source: account for account in tenants}
        for source in list(self._codes):
            account = self._accounts.get(source)
            if account is None or account.mapping_id != before[source].mapping_id:
                self._judge(source, account)
        self._notices.judge(_KIND, self._holds)

    def saw(self, source: str, code: str, *, unmapped: bool) -> None:
        """Note that a code without a row of its own came in."""
        account, now = self._accounts.get(source), self._clock()
        if account is None or not code:
            return
        codes = self._codes.setdefault(source, {})
        noted = codes.get(code)
        if noted is None and len(codes) >= MOST:
            _forget_before(codes, now - CODE_LASTS_SECONDS)
        if len(codes) >= MOST if noted is None else now < noted + AGAIN_SECONDS:
            return
        codes[code] = now
        why = (_UNMAPPED if unmapped else _PROVISIONAL).format(code[:LONGEST_ITEM])
        self._notices.note(_KIND, source, why, item=code, mapping=account.mapping_id)

    def _judge(self, source: str, account: Account | None) -> None:
        """Note of each code whether it is decided now: by new tables, or because its tenant is gone."""
        codes = self._codes[source]
        for code in [code for code in codes if account is None or account.mapping.decides(code)]:
            del codes[code]
            self._notices.note(_KIND, source, None, item=code)
        if account is None:
            del self._codes[source]

    def _holds(self, notice: Notice) -> bool:
        """Return whether a notice on the topic still holds, as far as this process knows the tables in force."""
        account = self._accounts.get(notice.source)
        if account is None or notice.data.mapping == account.mapping_id:
            return True
        return not account.mapping.decides(notice.data.item or "")


def _forget_before(codes: dict[str, float], moment: float) -> None:
    for code in [code for code, noted in codes.items() if noted <= moment]:
        del codes[code]
