"""A file that is being replaced is the old one until it is the new one."""

from pathlib import Path

import pytest

from segmentation.whole_file import unfinished, write_whole


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "figures.json"
    write_whole(path, b"old")

    def run_out_of_disk() -> None:
        with unfinished(path) as part:
            part.write_bytes(b"ne")
            assert path.read_bytes() == b"old"
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        run_out_of_disk()
    assert [(entry.name, entry.read_bytes()) for entry in path.parent.iterdir()] == [("figures.json", b"old")]


def test_two_files_of_one_stem_are_written_apart(tmp_path: Path) -> None:
    with unfinished(tmp_path / "a.json") as one, unfinished(tmp_path / "a.csv") as other:
        one.write_bytes(b"{}")
        other.write_bytes(b"1,2")
    assert sorted(entry.read_bytes() for entry in tmp_path.iterdir()) == [b"1,2", b"{}"]
