"""Files stand there whole or not at all, and nothing is overwritten unasked."""

import os

import pytest

from tinygrad_edu.errors import OutputExistsError
from tinygrad_edu.files import write_whole


def test_a_file_that_is_there_stays_unless_asked(tmp_path):
    path = write_whole(tmp_path / "a", b"old")
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert write_whole(path, b"new", overwrite=True).read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere to write a\.svg into"):
        write_whole(tmp_path / "nowhere" / "a.svg", b"new")


def test_a_file_that_somebody_else_writes_meanwhile_stays(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(OutputExistsError):
        write_whole(path, lambda file: (file.write(b"mine"), path.write_bytes(b"theirs")))
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path):
    path = write_whole(tmp_path / "a", b"old")

    def fail(file):
        file.write(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_whole(path, fail, overwrite=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_new_one_is_whole_on_the_disk(tmp_path, monkeypatch):
    path, events = write_whole(tmp_path / "a", b"old"), []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("on the disk"), fsync(handle)))

    def watched(new, old):
        events.append((path.read_bytes(), os.path.getsize(new)))
        replace(new, old)

    monkeypatch.setattr(os, "replace", watched)
    write_whole(path, lambda file: (file.write(b"newer"), events.append(path.read_bytes())), overwrite=True)
    assert events[:3] == [b"old", "on the disk", (b"old", 5)]
    assert path.read_bytes() == b"newer"


def test_what_a_killed_program_left_is_removed_later_and_what_another_writes_now_is_not(tmp_path):
    old, young, foreign = (tmp_path / name for name in (".a.xyz.part", ".a.now.part", ".b.xyz.part"))
    for file in (old, young, foreign):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(foreign, (0, 0))
    write_whole(tmp_path / "a", b"whole")
    assert {file.name for file in tmp_path.iterdir()} == {"a", young.name, foreign.name}
