import tracemalloc
from typing import Any

import msgspec
import pytest

from headrace.core.weight import weight


@pytest.mark.parametrize(
    ("value", "weighs"), [(b"", 0), (b"abc", 3), (b"[]", 66), (b'{"a":[{}]}', 10 + 3 * 64), (b'"[{"', 4 + 2 * 64)]
)
def test_a_value_weighs_its_bytes_and_its_containers(value: bytes, weighs: int) -> None:
    """Each bracket that opens counts, in strings too: that is cheap, and never too little."""
    assert weight(value) == weighs


@pytest.mark.parametrize("item", [b"[]", b"{}", b'{"a":0}', b"[[]]", b'"ab"', b"1000", b"1.5", b'{"a":{"a":{}}}'])
def test_what_a_value_becomes_is_bounded_by_its_weight(item: bytes) -> None:
    """Whatever a body is made of, decoded it takes at most sixteen times what it weighs."""
    value = b"[" + b",".join([item] * 20_000) + b"]"
    tracemalloc.start()
    found: Any = msgspec.json.decode(value)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 20_000
    assert taken <= 16 * weight(value)
