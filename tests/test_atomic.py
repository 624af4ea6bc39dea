"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from generify.atomic import replacing
from generify.errors import CacheError, ModelError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail_halfway(target: Path, error: Exception) -> None:
    with replacing(target, ModelError) as temporary:
        temporary.write_text("half")
        raise error


def test_a_new_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new.onnx"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["new.onnx"]


def test_a_reader_sees_the_old_file_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_text("old")
    with replacing(target) as temporary:
        temporary.write_text("half")
        assert target.read_text() == "old"
    assert target.read_text() == "half"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps open files from being replaced")
def test_a_reader_in_the_middle_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_text("old file")
    with target.open("rb", buffering=0) as reader:
        assert reader.read(3) == b"old"
        with replacing(target) as temporary:
            temporary.write_text("NEW FILE")
        assert reader.read() == b" file"
    assert target.read_text() == "NEW FILE"


def test_the_temporary_file_lies_beside_and_keeps_the_suffix(tmp_path: Path) -> None:
    # a rename is only atomic within one file system, and some writers go by the suffix
    with replacing(str(tmp_path / "table.parquet")) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".parquet"


def test_a_failing_writer_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError):
        fail_halfway(target, ZeroDivisionError())
    assert target.read_text() == "old"
    assert names(tmp_path) == ["model.onnx"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_text("old")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ModelError, match=r"cannot write .*model\.onnx: No space left") as caught:
        fail_halfway(target, full)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.hint == "make room on that disk, then run the same command again"
    assert target.read_text() == "old"
    assert names(tmp_path) == ["model.onnx"]


def test_a_killed_program_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_text("old")
    code = (
        "import os, sys\n"
        "from generify.atomic import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os._exit(9)\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
        assert done.returncode == 9
        assert target.read_text() == "old"
        assert len(names(tmp_path)) == 2  # the second took over what the first had left
    with replacing(target) as temporary:
        assert temporary.read_bytes() == b""
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["model.onnx"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    with replacing(target) as first:
        first.write_text("first")
        with replacing(target) as second:
            assert second != first
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert names(tmp_path) == ["model.onnx"]


def test_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with replacing(tmp_path / "model.onnx") as temporary:
        assert names(tmp_path) == [temporary.name]
        temporary.write_text("whole")
    assert names(tmp_path) == ["model.onnx"]


def test_what_is_written_is_on_the_disk_before_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.onnx"
    synced: list[bool] = []
    monkeypatch.setattr("generify.atomic.os.fsync", lambda _: synced.append(target.exists()))
    with replacing(target) as temporary:
        temporary.write_text("whole")
    assert synced == [False]


def test_a_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(CacheError, match=r"cannot write .*missing.new: No such file or directory"),
        replacing(tmp_path / "missing" / "new", CacheError),
    ):
        pytest.fail("nothing can be written there")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    with (
        pytest.raises(ModelError, match=r"cannot write .*model\.onnx"),
        replacing(tmp_path / "model.onnx", ModelError) as temporary,
    ):
        temporary.write_text("whole")
    assert names(tmp_path) == ["model.onnx"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_others_may_read_the_result(tmp_path: Path) -> None:
    with replacing(tmp_path / "shared.onnx") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "shared.onnx").stat().st_mode & 0o777 == 0o644
