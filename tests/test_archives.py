"""Archives: what is good comes out whole, what is bad comes out not at all, and never elsewhere."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generify.datasets import archives
from generify.datasets.archives import (
    Limits,
    Unpacked,
    archive_format,
    examine_archive,
    fresh_folder,
    unpack_archive,
)
from generify.errors import DatasetError

CLIPS = {
    "genres/blues/blues.00000.au": np.random.default_rng(1).bytes(70_000),
    "genres/blues/blues.00001.au": np.random.default_rng(2).bytes(512),
    "genres/jazz/jazz.00000.au": b"",
    "genres/jazz/Café – ночь.au": np.random.default_rng(3).bytes(1000),
}
JUNK = {
    "genres/.DS_Store": b"x",
    "genres/._blues": b"x",
    "__MACOSX/genres/._jazz": b"x",
    "genres/blues/Thumbs.db": b"x",
    ".generify-fetch.json": b"{}",
}


def file_info(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], fmt: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=fmt, errors="surrogateescape") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return buffer.getvalue()


def zip_bytes(
    *members: tuple[str | zipfile.ZipInfo, bytes], how: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return buffer.getvalue()


def plain_tar(files: dict[str, bytes]) -> bytes:
    return tar_bytes(*(file_info(name, content) for name, content in files.items()))


PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "tar": plain_tar,
    "gzip": lambda files: gzip.compress(plain_tar(files)),
    "bzip2": lambda files: bz2.compress(plain_tar(files)),
    "zip": lambda files: zip_bytes(*files.items()),
    "zip of bzip2": lambda files: zip_bytes(*files.items(), how=zipfile.ZIP_BZIP2),
}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with a file that nothing may touch, and room for a target below it."""
    (tmp_path / "canary.txt").write_text("untouched")
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def unpack(data: bytes, box: Path, **options: object) -> Unpacked:
    """Unpack as a fetch does, into a folder that appears at the end."""
    archive = box / "toy.archive"
    archive.write_bytes(data)
    with fresh_folder(box / "target", box / ".work" / "unpacked") as fresh:
        return unpack_archive(archive, fresh, **options)


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in snapshot(folder).items() if data is not None}


class TestGoodArchives:
    @pytest.mark.parametrize("packer", PACKERS)
    def test_comes_out_byte_for_byte_and_without_junk(self, packer, box):
        unpacked = unpack(PACKERS[packer]({**JUNK, **CLIPS}), box)
        assert files_of(box / "target") == CLIPS
        assert unpacked == Unpacked(4, sum(map(len, CLIPS.values())))

    @pytest.mark.parametrize("packer", PACKERS)
    def test_examining_counts_the_same_and_writes_nothing(self, packer, box):
        archive = box / "toy"
        archive.write_bytes(PACKERS[packer](CLIPS))
        before = snapshot(box)
        assert examine_archive(archive) == Unpacked(4, sum(map(len, CLIPS.values())))
        assert snapshot(box) == before

    def test_folders_and_names_that_begin_with_a_dot(self, box):
        folder = (tarfile.TarInfo("./genres"), b"")
        folder[0].type = tarfile.DIRTYPE
        top = (tarfile.TarInfo("."), b"")
        top[0].type = tarfile.DIRTYPE
        empty = zip_bytes(("genres/", b""), ("genres/rock/", b""))
        unpack(tar_bytes(top, folder, file_info("./genres/a.wav")), box)
        assert files_of(box / "target") == {"genres/a.wav": b"x"}
        (box / "other").mkdir()
        unpack(empty, box / "other")
        assert (box / "other/target/genres/rock").is_dir()

    @pytest.mark.parametrize("fmt", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
    def test_long_names_of_every_tar(self, fmt, box):
        name = f"{'d' * 90}/{'n' * 95}.wav"
        unpack(tar_bytes(file_info(name), fmt=fmt), box)
        assert files_of(box / "target") == {name: b"x"}

    @pytest.mark.skipif(os.name != "posix", reason="permissions")
    def test_permissions_and_owners_of_the_archive_are_ignored(self, box):
        wild = file_info("run.sh", mode=0o6777, uid=12345, gid=12345)
        folder, _ = file_info("locked", b"")
        folder.type, folder.mode = tarfile.DIRTYPE, 0
        unpack(tar_bytes((folder, b""), wild), box)
        status = (box / "target/run.sh").stat()
        assert not status.st_mode & (stat.S_ISUID | stat.S_ISGID | 0o111)
        assert status.st_uid == os.getuid()
        assert (box / "target/locked").stat().st_mode & 0o700 == 0o700

    def test_progress_is_in_bytes_of_the_archive(self, box):
        seen = []
        data = gzip.compress(plain_tar(CLIPS))
        unpack(data, box, progress=lambda n_done, n_all: seen.append((n_done, n_all)))
        assert {n_all for _, n_all in seen} == {len(data)}
        done = [n_done for n_done, _ in seen]
        assert done == sorted(done)
        assert 0 < done[-1] <= len(data)

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            (b"", "toy is empty, a .zip"),
            (b"\n <!DOCTYPE html><html>not found</html>", "toy is a web page, a .zip"),
            (b"\xef\xbb\xbf<HTML>", "toy is a web page"),
            (b"Rar!\x1a\x07\x00" + bytes(600), "toy is no archive"),
        ],
    )
    def test_what_is_no_archive(self, content, match, box):
        (box / "toy").write_bytes(content)
        with pytest.raises(DatasetError, match=match):
            archive_format(box / "toy")

    def test_an_archive_that_is_not_there(self, box):
        with pytest.raises(DatasetError, match=r"cannot read .*gone.zip: No such file"):
            unpack_archive(box / "gone.zip", box)


def special(name: str, kind: bytes, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    return file_info(name, b"", type=kind, **fields)


def zip_info(name: str, mode: int = 0, **fields: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def through_a_link() -> bytes:
    link = special("genres", tarfile.SYMTYPE, linkname="..")
    return tar_bytes(link, file_info("genres/escaped.txt"))


def with_huge_header() -> bytes:
    """An extended header of 32 MB, which tarfile would read in one piece."""
    info = tarfile.TarInfo("x")
    info.pax_headers = {"comment": "z" * (32 << 20)}
    return gzip.compress(tar_bytes((info, b"")), 1)


def with_negative_size() -> bytes:
    """A member whose size of -512 leads back to its own header, for ever."""
    info, _ = file_info("loop", b"")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + (2**16 - 512).to_bytes(2, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    first = tar_bytes(file_info("a"))[:1024]
    return first + bytes(header) + bytes(1024)


def sparse() -> bytes:
    """A file of 8 MB in 2 kB, as GNU tar packs holes."""
    info, _ = file_info("holes.wav", b"", type=tarfile.GNUTYPE_SPARSE)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = header[398:410] = b"00000000000\0"
    header[483:495] = b"\x80" + (8 * 10**6).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + bytes(1024)


def overlapping_zip() -> bytes:
    """A zip bomb: many names for one and the same compressed stretch."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", bytes(2_000_000))
        first = packed.infolist()[0]
        for number in range(50):
            copy = zip_info(f"a{number}", compress_type=first.compress_type)
            copy.CRC, copy.header_offset = first.CRC, first.header_offset
            copy.file_size, copy.compress_size = first.file_size, first.compress_size
            packed.filelist.append(copy)
    return buffer.getvalue()


def zip_named(raw_name: bytes, flags: int = 0) -> bytes:
    """A zip whose one name is exactly these bytes."""
    data = bytearray(zip_bytes(("n" * len(raw_name), b"x")))
    data = data.replace(b"n" * len(raw_name), raw_name)
    central = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, 6, flags)
    struct.pack_into("<H", data, central + 8, flags)
    return bytes(data)


MALICIOUS: dict[str, tuple[Callable[[], bytes], str]] = {
    "tar ../": (lambda: tar_bytes(file_info("../escaped.txt")), "leads out of the folder"),
    "tar inner ../": (lambda: tar_bytes(file_info("a/../../b")), "leads out of the folder"),
    "tar absolute": (lambda: tar_bytes(file_info("/tmp/escaped.txt")), "leads out of the folder"),
    "tar // absolute": (lambda: tar_bytes(file_info("//escaped.txt")), "leads out of the folder"),
    "tar symlink": (lambda: tar_bytes(special("a", tarfile.SYMTYPE, linkname="/")), "is a link"),
    "tar file through a symlink": (through_a_link, "'genres' is a link"),
    "tar hard link": (
        lambda: tar_bytes(special("a", tarfile.LNKTYPE, linkname="../canary.txt")),
        "is a link",
    ),
    "tar fifo": (lambda: tar_bytes(special("a", tarfile.FIFOTYPE)), "neither a file nor a folder"),
    "tar character device": (
        lambda: tar_bytes(special("a", tarfile.CHRTYPE, devmajor=1, devminor=3)),
        "neither a file nor a folder",
    ),
    "tar block device": (
        lambda: tar_bytes(special("a", tarfile.BLKTYPE, devmajor=8)),
        "neither a file nor a folder",
    ),
    "tar unknown type": (lambda: tar_bytes(special("a", b"Z")), "neither a file nor a folder"),
    "tar sparse": (sparse, "neither a file nor a folder"),
    "tar Windows drive": (lambda: tar_bytes(file_info("C:evil.txt")), "path or device of Windows"),
    "tar backslashes": (
        lambda: tar_bytes(file_info("..\\..\\escaped.txt")),
        "path or device of Windows",
    ),
    "tar Windows device": (lambda: tar_bytes(file_info("a/Aux.wav")), "path or device of Windows"),
    "tar name not UTF-8": (
        lambda: tar_bytes(file_info("caf\udce9.wav"), fmt=tarfile.GNU_FORMAT),
        "'caf.udce9.wav' is a name that is not UTF-8",
    ),
    "tar escape sequence": (
        lambda: tar_bytes(file_info("a\x1b]0;evil\x07.wav")),
        r"'a\\x1b\]0;evil\\x07.wav' has control characters",
    ),
    "tar same name twice": (
        lambda: tar_bytes(file_info("a.wav"), file_info("./a.wav")),
        "'a.wav' is in it twice",
    ),
    "tar file, then a folder": (
        lambda: tar_bytes(file_info("a"), file_info("a/b")),
        "or as a file and a folder",
    ),
    "tar folder, then a file": (
        lambda: tar_bytes(file_info("a/b"), file_info("a")),
        "'a' is in it twice, or as a file and a folder",
    ),
    "tar file without a name": (lambda: tar_bytes(file_info("./")), "'.*' is no name for a file"),
    "tar name too long": (lambda: tar_bytes(file_info("n" * 300)), "too long or too deep"),
    "tar folders too deep": (lambda: tar_bytes(file_info("d/" * 40 + "x")), "too long or too deep"),
    "tar huge header": (with_huge_header, r"damaged or cut: a header of \d+ bytes"),
    "tar header that leads back": (with_negative_size, "leads backwards|offset|does not end as"),
    "zip ../": (lambda: zip_bytes(("../escaped.txt", b"x")), "leads out of the folder"),
    "zip absolute": (lambda: zip_bytes(("/tmp/escaped.txt", b"x")), "leads out of the folder"),
    "zip folder ../": (lambda: zip_bytes(("../escaped/", b"")), "leads out of the folder"),
    "zip drive": (lambda: zip_bytes((zip_info("D:/evil"), b"x")), "path or device of Windows"),
    "zip backslashes": (
        lambda: zip_bytes((zip_info("..\\evil"), b"x")),
        "path or device of Windows",
    ),
    "zip symlink": (lambda: zip_bytes((zip_info("a", stat.S_IFLNK), b"/etc")), "is a link"),
    "zip fifo": (
        lambda: zip_bytes((zip_info("a", stat.S_IFIFO), b"x")),
        "neither a file nor a folder",
    ),
    "zip encrypted": (lambda: zip_named(b"abc", flags=1), "'abc' is encrypted"),
    "zip overlapping": (overlapping_zip, "overlap, as in a zip bomb"),
    "zip unknown compression": (
        lambda: zip_bytes(("a", b"x"), how=zipfile.ZIP_LZMA),
        "'a' is compressed in an unknown way",
    ),
    "zip name not UTF-8": (lambda: zip_named(b"caf\xe9"), "damaged or cut: .*utf-8"),
    "zip name said to be UTF-8": (lambda: zip_named(b"c\xe9", flags=0x800), "damaged or .*utf-8"),
    "zip NUL in a name": (lambda: zip_named(b"a\0b"), "control characters"),
    "zip same name twice": (
        lambda: PACKERS["zip"]({"a.wav": b"x", "b.wav": b"x"}).replace(b"b.wav", b"a.wav"),
        "'a.wav' is in it twice",
    ),
    "zip file and folder": (
        lambda: zip_bytes(("a", b"x"), ("a/b", b"x")),
        "or as a file and a folder",
    ),
}


@pytest.mark.parametrize("kind", MALICIOUS)
def test_malicious_archives_write_nothing_anywhere(kind, box):
    make, match = MALICIOUS[kind]
    data = make()
    (box / "toy.archive").write_bytes(data)
    before = snapshot(box.parent)
    with pytest.raises(DatasetError, match=match) as caught:
        unpack(data, box)
    after = snapshot(box.parent)
    assert after.pop("box/.work", None) is None  # the empty place of what is being unpacked
    assert after == before
    assert not Path("/tmp/escaped.txt").exists()
    assert "\n" not in str(caught.value)
    assert caught.value.hint


# Two of one name show only when both are written.
@pytest.mark.parametrize(
    "kind",
    [k for k, (_, match) in MALICIOUS.items() if "twice" not in match and "as a file" not in match],
)
def test_examining_finds_what_is_malicious(kind, box):
    make, match = MALICIOUS[kind]
    (box / "toy").write_bytes(make())
    with pytest.raises(DatasetError, match=match):
        examine_archive(box / "toy")


class TestLimits:
    @pytest.mark.parametrize("packer", PACKERS)
    def test_more_bytes_than_allowed(self, packer, box):
        limits = Limits(max_bytes=50_000)
        with pytest.raises(DatasetError, match="beyond 50,000 bytes, as a zip bomb does"):
            unpack(PACKERS[packer](CLIPS), box, limits=limits)
        assert not (box / "target").exists()

    @pytest.mark.parametrize("packer", ["gzip", "bzip2", "zip"])
    def test_bomb(self, packer, box, monkeypatch):
        monkeypatch.setattr(archives, "_SMALL_BYTES", 1_000_000)
        zeros = PACKERS[packer]({"zeros.wav": bytes(20_000_000)})
        assert 50 * len(zeros) < 20_000_000
        with pytest.raises(DatasetError, match="as a zip bomb does"):
            unpack(zeros, box)
        assert not (box / "target").exists()

    def test_a_bomb_behind_the_end_or_in_what_is_left_out(self, box, monkeypatch):
        monkeypatch.setattr(archives, "_SMALL_BYTES", 1_000_000)
        behind = gzip.compress(plain_tar({"a": b"x"}) + bytes(20_000_000))
        skipped = gzip.compress(plain_tar({"._a": bytes(20_000_000)}))
        for data in (behind, skipped):
            with pytest.raises(DatasetError, match="as a zip bomb does"):
                unpack(data, box)

    def test_a_zip_that_is_larger_than_it_says(self, box):
        data = bytearray(zip_bytes(("a", bytes(5_000_000))))
        central = data.index(b"PK\x01\x02")
        struct.pack_into("<L", data, 22, 1000)
        struct.pack_into("<L", data, central + 24, 1000)
        with pytest.raises(DatasetError, match="damaged or cut: Bad CRC-32"):
            unpack(bytes(data), box)

    def test_what_shrinks_well_and_is_small_is_no_bomb(self, box):
        assert unpack(PACKERS["gzip"]({"silence.wav": bytes(5_000_000)}), box).n_files == 1

    @pytest.mark.parametrize("packer", PACKERS)
    def test_more_files_than_allowed(self, packer, box):
        with pytest.raises(DatasetError, match="is one of more than 3 files"):
            unpack(PACKERS[packer](CLIPS), box, limits=Limits(max_files=3))
        assert unpack(PACKERS[packer](CLIPS), box, limits=Limits(max_files=4)).n_files == 4


class TestDamage:
    @pytest.mark.parametrize("packer", PACKERS)
    def test_cut_anywhere(self, packer, box):
        whole = PACKERS[packer](CLIPS)
        # What follows the first empty block of a tar is padding.
        end = len(whole.rstrip(b"\0")) if packer == "tar" else len(whole)
        for length in (*range(600, end, end // 25), end - 1):
            with pytest.raises(DatasetError, match=r"damaged or cut|no archive"):
                unpack(whole[:length], box)
        assert not (box / "target").exists()

    def test_a_tar_cut_between_two_files(self, box):
        """tarfile alone takes this for the end."""
        whole = plain_tar(CLIPS)
        with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
            starts = [info.offset for info in tar][1:]
        for start in starts:
            with pytest.raises(DatasetError, match="it does not end as a tar archive does"):
                unpack(whole[:start], box)

    def test_a_header_damaged_in_the_middle(self, box):
        """tarfile alone takes this for the end, too."""
        whole = bytearray(plain_tar(CLIPS))
        with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as tar:
            second = [info.offset for info in tar][1]
        whole[second + 10] ^= 0x20
        with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as tar:
            assert len(tar.getnames()) == 1
        for data in (bytes(whole), gzip.compress(bytes(whole))):
            with pytest.raises(DatasetError, match="it does not end as a tar archive does"):
                unpack(data, box)

    @pytest.mark.parametrize("packer", ["gzip", "bzip2", "zip", "zip of bzip2"])
    def test_any_flipped_bit_of_the_sound(self, packer, box):
        whole = PACKERS[packer](CLIPS)
        for position in range(200, 70_000, 7001):
            flipped = bytearray(whole)
            flipped[position] ^= 0x10
            with pytest.raises(DatasetError, match="damaged or cut"):
                unpack(bytes(flipped), box)
        assert not (box / "target").exists()

    @pytest.mark.parametrize("packer", PACKERS)
    def test_random_damage_ends_in_one_kind_of_error(self, packer, box):
        rng = np.random.default_rng(5)
        whole = PACKERS[packer]({**CLIPS, "genres/blues/blues.00000.au": b"x" * 2000})
        n_refused = 0
        for _ in range(150):
            damaged = bytearray(whole)
            for position in rng.integers(0, len(whole), size=rng.integers(1, 6)):
                damaged[position] = rng.integers(256)
            (box / "toy").write_bytes(bytes(damaged))
            try:
                examine_archive(box / "toy", limits=Limits(max_bytes=10_000_000))
            except DatasetError:
                n_refused += 1
        assert n_refused > 75  # a plain tar has checksums of its heads only

    def test_a_checksum_at_the_very_end(self, box):
        whole = bytearray(gzip.compress(plain_tar(CLIPS)))
        whole[-6] ^= 1
        with pytest.raises(DatasetError, match="CRC check failed"):
            unpack(bytes(whole), box)

    def test_zeros_after_a_gzip_are_padding_and_garbage_is_damage(self, box):
        data = gzip.compress(plain_tar(CLIPS))
        with pytest.raises(DatasetError, match="damaged or cut"):
            unpack(data + b"garbage", box)
        assert unpack(data + bytes(512), box).n_files == 4

    def test_not_a_tar_inside(self, box):
        with pytest.raises(DatasetError, match="damaged or cut"):
            unpack(gzip.compress(b"only a text" * 100), box)


class TestFreshFolder:
    def test_takes_the_place_of_an_empty_folder_only(self, box):
        target, work = box / "target", box / "work"
        target.mkdir()
        with fresh_folder(target, work) as fresh:
            (fresh / "new").touch()
        assert files_of(target) == {"new": b""}
        with (
            pytest.raises(DatasetError, match=r"cannot write into .*target: Directory not empty"),
            fresh_folder(target, work) as fresh,
        ):
            (fresh / "newer").touch()
        assert files_of(target) == {"new": b""}
        assert not work.exists()

    def test_what_a_killed_run_left_is_removed(self, box):
        (box / "work/genres").mkdir(parents=True)
        (box / "work/genres/half").touch()
        with fresh_folder(box / "target", box / "work") as fresh:
            assert list(fresh.iterdir()) == []

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
    def test_an_interrupt_leaves_nothing(self, error, box):
        def interrupted() -> None:
            with fresh_folder(box / "target", box / "work") as fresh:
                (fresh / "half").touch()
                raise error

        with pytest.raises(error):
            interrupted()
        assert list(box.iterdir()) == []

    def test_a_full_disk(self, box, monkeypatch):
        room = 70_000
        real_open = Path.open

        class Full(io.FileIO):
            def write(self, data: bytes) -> int:
                nonlocal room
                n_written = super().write(data[:room]) if room else 0
                room -= n_written
                if not n_written and data:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return n_written  # less than was asked for, as a nearly full disk does

        def open_(path: Path, mode: str = "r", *arguments: object, **options: object) -> object:
            if mode == "xb":
                return io.BufferedWriter(Full(path, "xb"))
            return real_open(path, mode, *arguments, **options)

        monkeypatch.setattr(Path, "open", open_)
        with pytest.raises(DatasetError, match=r"cannot write into .*: No space left") as caught:
            unpack(PACKERS["gzip"](CLIPS), box)
        assert "make room" in caught.value.hint
        assert room == 0
        assert not (box / "target").exists()
        assert not (box / ".work/unpacked").exists()
