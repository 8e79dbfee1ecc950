"""A file that is written whole or not at all, and nothing else beside it."""

import os
import stat
import threading
from pathlib import Path

import click
import pytest

from headrace.cli._diff_file import DiffFile
from headrace.cli._whole_file import WholeFile, write_whole


def test_what_is_not_finished_leaves_all_as_it_was(tmp_path: Path) -> None:
    """The old file, and what somebody else has beside it under a likely name."""
    file, others = tmp_path / "diff.ndjson", tmp_path / "diff.ndjson.part"
    file.write_text("old")
    others.write_text("somebody's own")
    diff = DiffFile(file)
    with pytest.raises(TypeError), diff.whole():
        diff.write({"a": object()})
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        file.name: "old", others.name: "somebody's own",
    }  # fmt: skip
    with diff.whole():
        diff.write({"a": 1})
    assert (file.read_text(), others.read_text()) == ('{"a":1}\n', "somebody's own")


def test_a_pipe_or_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """Nothing is moved into its place: as root that would replace /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    diff = DiffFile(pipe)
    with diff.whole():
        diff.write({"a": 1})
    reader.join(30)
    assert found == [b'{"a":1}\n']
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]
    write_whole(Path("/dev/null"), "nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_link_stays_a_link_and_rights_stay(tmp_path: Path) -> None:
    """What a link leads to is written anew, in its own folder; a new file has the rights that any has."""
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "acme.toml", tmp_path / "acme.toml"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(link, "new")
    assert (link.is_symlink(), real.read_text(), stat.S_IMODE(real.stat().st_mode)) == (True, "new", 0o640)
    plain = tmp_path / "plain"
    plain.touch()
    write_whole(tmp_path / "new", "x")
    assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode


def test_what_cannot_be_moved_there_is_one_sentence(tmp_path: Path) -> None:
    """A folder may have come into its place meanwhile."""
    file = tmp_path / "diff"
    diff = DiffFile(file)
    with pytest.raises(click.ClickException, match="diff cannot be written"), diff.whole():
        file.mkdir()
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(OSError, match="No such file"):
        WholeFile(tmp_path / "none" / "file")
