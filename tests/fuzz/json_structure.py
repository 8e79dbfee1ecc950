"""A fuzz target for atheris: `pip install atheris`, then `python -m tests.fuzz.json_structure -max_total_time=300`.

It is no part of the tests: atheris is a large package for few platforms. What it finds becomes an example in
tests/unit/test_json_structure.py.
"""

import json
import sys
from importlib import import_module
from typing import Any

atheris: Any = import_module("atheris")  # installed by whoever fuzzes

with atheris.instrument_imports(include=["headrace.sdk"]):
    from headrace.sdk.array_items import array_items
    from headrace.sdk.json_structure import UnsoundError, is_sound, members, parts

GOOD = (b'{"id":1}', b'[1,"]",{"a":"}"}]', b'"\\\\"')


def one_input(data: bytes) -> None:
    """Hold the cutter to its promises for any bytes, alone and as an item among good ones."""
    for opening in (b"[", b"{"):
        at = 0
        try:
            for part in parts(data, opening):
                at = data.index(part, at) + len(part)
        except UnsoundError:
            assert not is_sound(data, opening)
    compare_with_json(data)
    if data.strip(b" \t\n\r") == data and (is_sound(data, b"[") or is_sound(data, b"{")):
        array = b"[%b,%b,%b, %b]" % (GOOD[0], data, *GOOD[1:])
        assert list(array_items(array)) == [GOOD[0], data, *GOOD[1:]]


def compare_with_json(data: bytes) -> None:
    """Compare with json, where that reads an array or object: the same parts."""
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError):
        return
    if isinstance(value, list):
        assert json.dumps([json.loads(part) for part in parts(data, b"[")]) == json.dumps(value)
        assert len(list(array_items(data))) == len(value)
    elif isinstance(value, dict):
        found = {name: json.loads(part) for name, part in members(data).items()}
        readable = {name: inner for name, inner in value.items() if not any("\ud800" <= c <= "\udfff" for c in name)}
        assert json.dumps(found, sort_keys=True) == json.dumps(readable, sort_keys=True)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
