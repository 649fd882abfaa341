import os
import stat

import pytest

from gridbayes.files import atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_whole(tmp_path):
    with atomically(tmp_path / "x.txt") as file:
        file.write(b"all of it")
        assert names(tmp_path) != ["x.txt"]
    assert (tmp_path / "x.txt").read_bytes() == b"all of it"
    assert names(tmp_path) == ["x.txt"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomically(tmp_path / "x") as file:
        file.write(b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "x")}
    assert len(modes) == 1


@pytest.mark.parametrize("when", ["writing", "replacing"])
def test_after_a_failure_the_old_file_is_there_and_nothing_else(tmp_path, monkeypatch, when):
    (tmp_path / "x.txt").write_text("old")

    def fail(*_):
        raise OSError("disk on fire")

    if when == "replacing":
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"disk on fire"), atomically(tmp_path / "x.txt") as file:
        file.write(b"half of ")
        if when == "writing":
            fail()
    assert names(tmp_path) == ["x.txt"] and (tmp_path / "x.txt").read_text() == "old"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomically(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_a_device_stays_a_device(tmp_path):
    with atomically(os.devnull) as file:
        file.write(b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_folders_are_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder. Name a file in it."), atomically(tmp_path):
        pass
    with (
        pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"),
        atomically(tmp_path / "nowhere" / "x"),
    ):
        pass
