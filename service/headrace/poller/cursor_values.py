"""The values of cursors in few bytes: by lead they are alike but for one number, the time of the last reading. Pure.

A value is told apart from its one number of ten digits or more; what is left is stored once for all leads. It need not
know what a provider writes: what does not fit that is held as it is.
"""

import re
from array import array
from typing import Final

_NUMBER: Final = re.compile(rb"[1-9][0-9]{9,17}")
_MOST_DIGITS: Final = 18
_MOST_BESIDE: Final = 28
"""Bytes of a value beside its number: longer ones hold digests of rows, and no two are alike."""
MOST_FORMS: Final = 1_000
_NONE, _WHOLE = 0, 1
"""Forms of a row without a value, and of a value that is held as it is; the number is where."""


class CursorValues:
    """The value of each row. `forms` and `numbers` are columns that have the row, of zeros at first."""

    def __init__(self) -> None:
        self.forms: Final = array("H")
        self.numbers: Final = array("q")
        self._form_of: Final[dict[tuple[bytes, bytes | None], int]] = {}
        self._parts: Final[list[tuple[bytes, bytes | None]]] = [(b"", None)] * 2
        self._whole: Final[list[bytes]] = []
        self._free: Final[list[int]] = []

    def __getitem__(self, row: int) -> bytes:
        form, number = self.forms[row], self.numbers[row]
        if form == _WHOLE:
            return self._whole[number]
        before, behind = self._parts[form]
        return before if behind is None else b"%b%d%b" % (before, number, behind)

    def __setitem__(self, row: int, value: bytes) -> None:
        self.clear(row)
        found = _NUMBER.search(value) if len(value) <= _MOST_BESIDE + _MOST_DIGITS else None
        parts = (value[: found.start()], value[found.end() :]) if found else (value, None)
        form = self._form(parts)
        self.forms[row] = form
        if form == _WHOLE:
            self.numbers[row] = self._hold(value)
        elif found:
            self.numbers[row] = int(found.group())

    def clear(self, row: int) -> None:
        """Forget the value of a row, if it has one."""
        if self.forms[row] == _WHOLE:
            self._whole[self.numbers[row]] = b""
            self._free.append(self.numbers[row])
        self.forms[row] = _NONE

    def _form(self, parts: tuple[bytes, bytes | None]) -> int:
        form = self._form_of.get(parts, _WHOLE)
        if form == _WHOLE and len(self._parts) <= MOST_FORMS and len(parts[0]) + len(parts[1] or b"") <= _MOST_BESIDE:
            form = self._form_of[parts] = len(self._parts)
            self._parts.append(parts)
        return form

    def _hold(self, value: bytes) -> int:
        if self._free:
            at = self._free.pop()
            self._whole[at] = value
            return at
        self._whole.append(value)
        return len(self._whole) - 1
