"""What Generify stands on, looked at: does each part work, and what is to be mended.

Each check gives findings and raises nothing; whatever goes wrong in it is a finding too. Nothing is
changed but a temporary folder and, to see whether they can be written, empty files that are gone
at once. All checks together take about a second.

In it: :func:`examine`, :class:`Diagnosis`, :class:`State`, :data:`CHECKS`.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import locale
import math
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from generify.atomic import TEMPORARY_PREFIX
from generify.cores import THREAD_VARIABLES, n_cores, quota
from generify.errors import GenerifyError
from generify.inference import load_onnxruntime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CHECKS", "Diagnosis", "State", "examine"]

_REINSTALL = "pip install --force-reinstall"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;>]*(>=\s*(?P<least>[\d.]+))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<name>[\w-]+)")
_HEARD = ("ambient", 0.335)  # the tagger's answer to a tone
_LITTLE_ROOM, _NO_ROOM = 1e9, 50e6  # bytes: a long scan with its cache; a model and its report
_MOST_ENTRIES = 2000  # of the cache: reading more would take seconds
_SECONDS, _RATE, _PITCH, _LEVEL = 1.2, 44100, 440.0, 0.5


class State(StrEnum):
    """How bad something is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Diagnosis:
    """What a check found.

    Attributes
    ----------
    what : str
        What was looked at.
    state : State
        Whether it is well; a warning is something that works, but not as it should.
    message : str
        What was found, one line.
    cure : str
        What to do about it; empty where nothing is to be done.
    """

    what: str
    state: State
    message: str
    cure: str = ""

    def to_dict(self) -> dict[str, str]:
        """Give the diagnosis as plain values.

        Returns
        -------
        dict
            ``what``, ``state``, ``message``, ``cure``.
        """
        return {"what": self.what, "state": str(self.state), "message": self.message,
                "cure": self.cure}  # fmt: skip


Diagnoses = Iterator[Diagnosis]


def examine() -> Diagnoses:
    """Look at everything.

    Yields
    ------
    Diagnosis
        In the order of :data:`CHECKS`, each as soon as it is known; at least one a check.
    """
    for what, check in CHECKS.items():
        try:
            for state, message, cure in check():
                yield Diagnosis(what, state, message, cure)
        except GenerifyError as err:
            yield Diagnosis(what, State.ERROR, _line(err), err.hint)
        except Exception as err:  # a broken library may raise anything
            message = f"{type(err).__name__}: {_line(err)}"
            yield Diagnosis(what, State.ERROR, message, f"{_REINSTALL} generify")


_Found = Iterator[tuple[State, str, str]]


def _ok(message: str) -> tuple[State, str, str]:
    return State.OK, message, ""


def _line(err: BaseException) -> str:
    return " ".join(str(err).split())


# Python and the libraries.


def _check_python() -> _Found:
    from generify import __version__

    yield _ok(
        f"{platform.python_version()} on {platform.system()} {platform.machine()}; "
        f"generify {__version__}"
    )


def _requirements() -> dict[str, list[tuple[str, str]]]:
    """Give name and least version of packages by extra; of the plain install under ``""``."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for text in metadata.requires("generify") or ():
        match = _REQUIREMENT.match(text)
        if match:
            extra = _EXTRA.search(text)
            package = match["name"], match["least"] or ""
            groups.setdefault(extra["name"] if extra else "", []).append(package)
    return groups


def _missing(packages: list[tuple[str, str]]) -> list[str]:
    """Name the packages that are not there, or too old."""
    missing = []
    for name, least in packages:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if _numbers(installed) < _numbers(least):
            missing.append(f"{name} {least} or later (there is {installed})")
    return missing


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


_NATIVE = ("numpy", "soundfile", "soxr", "av")


def _check_packages() -> _Found:
    packages = _requirements().get("", [])
    missing = _missing(packages)
    if missing:
        yield State.ERROR, f"missing: {', '.join(missing)}", "pip install --upgrade generify"
    loaders: dict[str, Callable[[], object]] = {"onnxruntime": load_onnxruntime}
    loaders |= {name: partial(importlib.import_module, name) for name in _NATIVE}
    for module, load in loaders.items():
        try:
            load()
        except Exception as err:  # also a shared library that is missing or of another machine
            yield State.ERROR, f"{module} cannot be loaded: {_line(err)}", f"{_REINSTALL} {module}"
    versions = (f"{name} {metadata.version(name)}" for name, _ in packages if name not in missing)
    yield _ok(", ".join(versions))


_EXTRAS = MappingProxyType(
    {
        "train": "models of your own, evaluating, comparing, pictures and Parquet",
        "datasets": "fetching datasets",
        "history": "keeping answers",
        "mysql": "a history on MySQL or MariaDB",
        "postgresql": "a history on PostgreSQL",
        "tags": "genres in the files' tags",
        "web": "the site, generify serve",
        "ray": "scans on a cluster",
        "beets": "the plugin for beets",
    }
)


def _check_extras() -> _Found:
    groups = _requirements()
    missing = {extra: _missing(packages) for extra, packages in groups.items() if extra}
    wanting = [extra for extra in missing if missing[extra] and extra != "all"]
    there = [extra for extra in missing if not missing[extra] and extra != "all"]
    more = "; more with pip install 'generify[NAME]'" if wanting else ""
    yield _ok(f"{', '.join(there) or 'none'}{more}")  # what nobody asked for is not wrong
    for extra in wanting:
        yield _ok(f"not installed: {extra}, for {_EXTRAS.get(extra, 'itself')}")


# Sound and models.

_BY_SOUNDFILE = MappingProxyType(
    {
        "WAV": ("wav", "PCM_16"),
        "AIFF": ("aiff", "PCM_16"),
        "FLAC": ("flac", "PCM_16"),
        "Ogg": ("ogg", "VORBIS"),
        "MP3": ("mp3", "MPEG_LAYER_III"),
        "Opus": ("ogg", "OPUS"),
    }
)
_BY_PYAV = MappingProxyType({"AAC": ("m4a", "aac"), "WMA": ("asf", "wmav2")})


def _tone(seconds: float, rate: int) -> NDArray[np.float32]:
    import numpy as np

    tone = _LEVEL * np.sin(2 * np.pi * _PITCH * np.arange(round(seconds * rate)) / rate)
    return tone.astype(np.float32)


def _check_decoders() -> _Found:
    good: list[str] = []
    bad: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="generify-") as folder:
        for name in (*_BY_SOUNDFILE, *_BY_PYAV):
            problem = _try_format(name, Path(folder))
            if problem:
                bad.append((name, problem))
            else:
                good.append(name)
    for name, problem in bad:
        package = "soundfile" if name in _BY_SOUNDFILE else "av"
        yield State.ERROR, f"{name} cannot be decoded: {problem}", f"{_REINSTALL} {package}"
    if good:
        yield _ok(f"{', '.join(good)} decoded as they should be")


def _try_format(name: str, folder: Path) -> str:
    """Write a tone and hear it again; say what is wrong with it."""
    import numpy as np

    from generify.audio import load_audio

    path = folder / f"{name}.{(_BY_SOUNDFILE.get(name) or _BY_PYAV[name])[0]}"
    try:
        (_write_by_soundfile if name in _BY_SOUNDFILE else _write_by_pyav)(path, name)
        audio = load_audio(path)
    except Exception as err:  # libraries raise what they like
        return _line(err)
    seconds = len(audio.samples) / audio.sample_rate
    level = float(np.sqrt(2 * np.mean(audio.samples**2)))
    if abs(seconds - _SECONDS) > 0.1 or not math.isclose(level, _LEVEL, rel_tol=0.2):
        return f"{_SECONDS:g} s at level {_LEVEL:g} came out as {seconds:.1f} s at {level:.2f}"
    return ""


def _write_by_soundfile(path: Path, name: str) -> None:
    import soundfile

    rate = 48000 if name == "Opus" else _RATE
    soundfile.write(path, _tone(_SECONDS, rate), rate, subtype=_BY_SOUNDFILE[name][1])


def _write_by_pyav(path: Path, name: str) -> None:
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream(_BY_PYAV[name][1], rate=_RATE, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(
            _tone(_SECONDS, _RATE)[None], format="fltp", layout="mono"
        )
        frame.sample_rate = _RATE
        resampler = av.AudioResampler("fltp", "mono", _RATE, frame_size=stream.frame_size or 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def _check_models() -> _Found:
    import numpy as np

    from generify.model import list_models, load_model

    names = list_models()
    if not names:
        yield State.ERROR, "no bundled model is there", f"{_REINSTALL} generify"
    for name in names:
        try:
            model = load_model(name)
            model.predict_proba(np.zeros((1, len(model.extractor.columns)), dtype=np.float32))
        except GenerifyError as err:
            yield State.ERROR, _line(err), f"{_REINSTALL} generify"
            continue
        yield _ok(f"{name} {model.card.version} loads and answers, {len(model.genres)} genres")
    yield from _check_checksums(metadata.files("generify") or [])


def _check_checksums(files: Sequence[metadata.PackagePath]) -> _Found:
    """Compare networks with what pip noted of them; an install for development has no notes."""
    noted = [file for file in files if file.suffix == ".onnx" and file.hash is not None]
    for file in noted:
        assert file.hash is not None
        digest = hashlib.new(file.hash.mode, file.read_binary()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            yield State.ERROR, f"{file} is not as it was installed", f"{_REINSTALL} generify"
    if noted:
        yield _ok(f"{len(noted)} checksums compared")


def _check_tagger() -> _Found:
    from generify.features.tagger import SAMPLE_RATE, TAG_NAMES, Tagger, mel_windows

    tags = Tagger().tags(mel_windows(_tone(3.1, SAMPLE_RATE)))[0]
    best = int(tags.argmax())
    if TAG_NAMES[best] != _HEARD[0] or not math.isclose(tags[best], _HEARD[1], abs_tol=0.01):
        yield (
            State.ERROR,
            f"a known tone is heard as {TAG_NAMES[best]} {tags[best]:.3f}, "
            f"not as {_HEARD[0]} {_HEARD[1]:.3f}",
            f"{_REINSTALL} generify numpy onnxruntime",
        )
    else:
        yield _ok("a known tone is heard as it should be")


# Places.


def _check_cache() -> _Found:
    from generify.cache import FOLDER_VARIABLE, FeatureCache

    cache = FeatureCache()
    info = cache.info()
    refused = _refused(cache.folder)
    if refused:
        cure = f"set {FOLDER_VARIABLE} to a folder that you may write to"
        yield State.ERROR, f"{cache.folder} cannot be written: {refused}", cure
    n_looked, n_damaged = cache.check(most=_MOST_ENTRIES)
    if n_damaged:
        yield (
            State.WARNING,
            f"{n_damaged:,} of {n_looked:,} entries looked at in {cache.folder} are damaged; they "
            "are computed again, but something wrote over them",
            "generify cache clear, and look after that disk",
        )
    if not (refused or n_damaged):
        yield _ok(f"{cache.folder}: {info.n_entries:,} entries, {_megabytes(info.size_bytes)}")


def _refused(folder: Path) -> str:
    """Say why a folder cannot be written, or made; empty when it can."""
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        # Tried, not asked: root may write anywhere, except where the file system says no.
        tempfile.TemporaryFile(dir=existing, prefix=TEMPORARY_PREFIX).close()
    except OSError as err:
        return err.strerror or str(err)
    return ""


def _check_undo() -> _Found:
    from generify.tagging.journal import FOLDER_VARIABLE, default_folder

    folder = default_folder()
    refused = _refused(folder)
    if refused:
        cure = f"set {FOLDER_VARIABLE} to a folder that you may write to"
        yield State.ERROR, f"{folder} cannot be written, so nothing is tagged: {refused}", cure
    else:
        n_runs = len(list(folder.glob("*.ndjson")))
        yield _ok(f"{folder}: {n_runs} {'run' if n_runs == 1 else 'runs'} of tagging can be undone")


def _check_history() -> _Found:
    if find_spec("sqlalchemy") is None:
        yield _ok("not installed")
        return
    from generify.history.examining import examine_history

    health = examine_history()
    if health is None:
        yield _ok("none yet")
    elif health.outdated:
        yield _ok(f"{health.label}: its tables are brought up to date when it is next used")
    else:
        yield _ok(f"{health.label}: version {health.version}, no damage seen")


def _check_disks() -> _Found:
    from generify.cache import default_folder

    places = {"this folder": Path.cwd(), "the cache": default_folder(),
              "temporary files": Path(tempfile.gettempdir())}  # fmt: skip
    rooms = {name: _free_bytes(path) for name, path in places.items()}
    for name, n_free in rooms.items():
        if n_free < _LITTLE_ROOM:
            state = State.ERROR if n_free < _NO_ROOM else State.WARNING
            yield state, f"only {_megabytes(n_free)} are free for {name}", "make room on that disk"
    if min(rooms.values()) >= _LITTLE_ROOM:
        yield _ok(", ".join(f"{_megabytes(n)} free for {name}" for name, n in rooms.items()))


def _free_bytes(path: Path) -> int:
    existing = next(p for p in (path, *path.absolute().parents) if p.exists())
    return shutil.disk_usage(existing).free


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.1f} MB"


# The machine.


def _check_cores() -> _Found:
    n_usable, share = n_cores(), quota()
    for name in THREAD_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > n_usable:
            message = f"{name}={value} asks for more threads than the {n_usable} cores there are"
            yield State.WARNING, message, f"unset {name}"
    limit = f"; all together for the time of {share:g}" if share is not None else ""
    yield _ok(f"{n_usable} of {os.cpu_count() or 1} may be used{limit}")


def _check_encoding() -> _Found:
    names = {
        "names of files": sys.getfilesystemencoding(),
        "the screen": sys.stdout.encoding or "ascii",
        "texts": locale.getpreferredencoding(do_setlocale=False),
    }
    poor = {what: name for what, name in names.items() if not _is_utf8(name)}
    if poor:
        yield (
            State.WARNING,
            f"not UTF-8, so letters may come out wrong: {_listed(poor)}",
            "use a UTF-8 locale, as with export LC_ALL=C.UTF-8, or set PYTHONUTF8=1",
        )
    else:
        yield _ok("UTF-8")


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(f"{what} ({name})" for what, name in names.items())


def _is_utf8(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") == "utf8"


def _check_clock() -> _Found:
    from generify.model import load_model

    made, today = date.fromisoformat(load_model().card.date), date.today()
    if (made - today).days > 1:
        yield (
            State.WARNING,
            f"today is said to be {today}, before the bundled model was made ({made})",
            "set the clock: what has changed since is told by times",
        )
    else:
        yield _ok(f"{time.strftime('%Y-%m-%d %H:%M %z')}")


CHECKS: Mapping[str, Callable[[], _Found]] = MappingProxyType(
    {
        "Python": _check_python,
        "libraries": _check_packages,
        "extras": _check_extras,
        "decoders": _check_decoders,
        "models": _check_models,
        "tagger": _check_tagger,
        "cache": _check_cache,
        "history": _check_history,
        "undo": _check_undo,
        "free disk": _check_disks,
        "cores": _check_cores,
        "encoding": _check_encoding,
        "clock": _check_clock,
    }
)
"""What is looked at, by name."""
