"""The books of a polled account: a byte for each activity."""

from typing import Final

from headrace_demo.simulators.history import History


class PolledBook:
    """What happened on an account, and how often each of it was published; every activity has one version."""

    def __init__(self, history: History) -> None:
        self._history: Final = history
        self._numbers: Final = {ident: number for number, ident in enumerate(map(history.id_of, history.plans))}
        self._counts: Final = bytearray(len(history.plans))

    def add(self, resource: str, ident: str) -> str | None:
        """Enter an event; return what is wrong with it."""
        number = self._numbers.get(ident)
        key = None if number is None else self._history.key_of(self._history.plans[number])
        if number is None or key is None or key.resource != resource:
            return f"{resource} {ident} never happened"
        self._counts[number] = min(255, self._counts[number] + 1)
        return None

    def close(self, now: float) -> dict[str, list[str]]:
        """Return the ids of what is lost or doubled, and of what came before it was shown, as things stand at `now`."""
        found: dict[str, list[str]] = {"lost": [], "doubled": [], "from nowhere": []}
        for ident, number in self._numbers.items():
            shown, count = self._history.plans[number].appears <= now, self._counts[number]
            if shown and not count:
                found["lost"].append(ident)
            if count > 1:
                found["doubled"].append(ident)
            if count and not shown:
                found["from nowhere"].append(ident)
        return {kind: idents for kind, idents in found.items() if idents}
