"""Checkpoints of a back-fill: its cursors are stored as its own, never as the position of its feed."""

from collections.abc import Callable
from typing import Any, Final

from headrace.poller.checkpoints import Checkpoints
from headrace.records.cursors import CursorEntry, Position
from headrace.sdk.feed import Cursor


class BackfillCheckpoints(Checkpoints):
    """Reads on from `cursor`. `covered` returns what stores a cursor."""

    def __init__(
        self, *args: Any, cursor: bytes, covered: Callable[[bytes], list[CursorEntry]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._cursor: Final = cursor
        self._note_covered: Final = covered

    @property
    def position(self) -> Position | None:
        """Where the run reads on from."""
        return Position(self._cursor)

    async def _store(self, cursor: Cursor, *, last: bool) -> None:
        await self._write(await self._covered(cursor, last=last))

    async def _covered(self, cursor: Cursor, *, last: bool) -> list[CursorEntry]:  # noqa: ARG002  (the end of a piece is noted by who began it)
        """Make durable what a cursor covers. One without `more` is no position to read on from."""
        self._pending = None
        await self._raw.flush()
        if not cursor.more:
            return self._learned()
        return [*self._note_covered(cursor.value), *self._learned()]
