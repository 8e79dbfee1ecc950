"""What the configuration says of the spool."""

from pathlib import Path

import pytest

from headrace.config import load
from headrace.core.units import in_bytes
from tests.unit.configs import faults, write


def test_the_spool_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """The path is relative to the file, sizes and ages have units, and an hour without Kafka fits the default."""
    file = write(tmp_path, '[spool]\npath = "data/x.db"\nmax_bytes = "512MiB"\nmax_age = "36h"')
    spool = load(file, {}).spool
    assert (Path(spool.path), spool.max_bytes, spool.max_age) == (tmp_path / "data/x.db", 2**29, 129_600)
    spool = load(write(tmp_path, ""), {}).spool
    assert Path(spool.path) == tmp_path / "spool.db"
    assert spool.max_bytes > 3_600 * 200 * 4_096
    assert load(file, {"HEADRACE_SPOOL__PATH": "here.db"}).spool.path == "here.db"


def test_an_age_beyond_the_dedupe_window_is_refused(tmp_path: Path) -> None:
    """What is appended when its id may be forgotten could be published twice; the default age fits."""
    [fault] = faults(write(tmp_path, '[dedupe]\nwindow = "2d"\n[spool]\nmax_age = "3d"'))
    assert fault.startswith("headrace.toml:4: spool.max_age: is longer than [dedupe] window")
    assert load(write(tmp_path, '[dedupe]\nwindow = "2d"'), {}).spool.max_age == 2 * 86_400


@pytest.mark.parametrize("text", ['"4GB"', '"4"', "4096", '"-1KiB"', '"x"', '"0KiB"'])
def test_what_is_no_size_is_reported(tmp_path: Path, text: str) -> None:
    """A size without its unit, or with one that means two things, is a fault."""
    assert faults(write(tmp_path, f"[spool]\nmax_bytes = {text}")) == [
        "headrace.toml:2: spool.max_bytes: write a size such as 4GiB, 512MiB or 64KiB"
    ]


def test_sizes() -> None:
    """Every unit is a power of 1024."""
    assert [in_bytes(f"2{unit}") for unit in ("B", "KiB", " MiB", "GiB")] == [2, 2**11, 2**21, 2**31]
