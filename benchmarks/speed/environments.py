"""The contenders' environments: made once, kept in the cache folder, described by their versions.

In it: :class:`Environment`, :data:`ENVIRONMENTS`, :class:`MissingEnvironmentError`,
:func:`find_python`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

OURS = "generify"

_INSTALL_SECONDS = 900


class MissingEnvironmentError(Exception):
    """An environment that is not there and could not be made; the text says why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with a few packages.

    Attributes
    ----------
    name : str
        Folder below the cache.
    requirements : tuple of str
        What pip installs.
    python : str
        Version that it needs, such as ``"3.7"``; that of the suite by default.
    """

    name: str
    requirements: tuple[str, ...]
    python: str = ""

    def program(self, name: str, cache: Path) -> str:
        """Give the path of a program in it, ``python`` for one."""
        if self.name == OURS:
            return str(Path(sys.executable).with_name(name)) if name != "python" else sys.executable
        return str(cache / self.name / "bin" / name)

    def make(self, cache: Path, *, offline: bool = False) -> None:
        """Make it, unless it is there already.

        Parameters
        ----------
        cache : Path
            Folder of all environments.
        offline : bool
            Whether nothing may be installed.

        Raises
        ------
        MissingEnvironmentError
            When it is not there, and may not or cannot be made.
        """
        marker = cache / self.name / "installed.json"
        wanted = json.dumps([self.python, *self.requirements])
        if self.name == OURS or (marker.is_file() and marker.read_text() == wanted):
            return
        if offline:
            raise MissingEnvironmentError("not installed, and --offline was given")
        python = find_python(self.python)
        shutil.rmtree(marker.parent, ignore_errors=True)
        _run([python, "-m", "venv", str(marker.parent)])
        pip = [self.program("python", cache), "-m", "pip", "install", "--quiet"]
        _run([*pip, *self.requirements])
        marker.write_text(wanted)

    def versions(self, cache: Path) -> dict[str, str]:
        """Give the versions of its packages that were asked for, and of its Python."""
        python = self.program("python", cache)
        listed = json.loads(_run([python, "-m", "pip", "list", "--format", "json"]))
        found = {
            package["name"].lower().replace("_", "-"): package["version"] for package in listed
        }
        names = [_distribution(requirement) for requirement in self.requirements]
        said = _run([python, "-c", "import platform; print(platform.python_version())"])
        return {"python": said.strip(), **{name: found[name] for name in names if name in found}}


def _distribution(requirement: str) -> str:
    """Give the name of the package in a requirement."""
    name = requirement
    for sign in "<>=!~[ ":
        name = name.split(sign)[0]
    return name.lower().replace("_", "-")


def find_python(version: str) -> str:
    """Find an interpreter of some version, on the path or among pyenv's.

    Parameters
    ----------
    version : str
        Such as ``"3.7"``; empty for the one that runs.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    MissingEnvironmentError
        When there is none that runs.
    """
    if not version:
        return sys.executable
    root = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    found = [
        shutil.which(f"python{version}"),
        *map(str, Path(root).glob(f"versions/{version}.*/bin/python")),
    ]
    for python in filter(None, found):
        if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    raise MissingEnvironmentError(f"there is no Python {version} on this machine")


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=True
        )
    except subprocess.CalledProcessError as err:
        last = (err.stderr.strip() or "no message").splitlines()[-1]
        raise MissingEnvironmentError(f"{' '.join(command[1:4])} failed: {last}") from err
    except subprocess.TimeoutExpired as err:
        raise MissingEnvironmentError(f"{' '.join(command[1:4])} took too long") from err
    return done.stdout


_ALL = (
    # what stands beside numpy decides how fast ours runs; these are listed, not installed
    Environment(
        OURS, ("generify", "numpy", "onnxruntime", "soundfile", "soxr", "av", "scikit-learn")
    ),
    Environment("librosa", ("librosa", "scikit-learn", "soundfile")),
    Environment("predecessor", ("scipy", "python_speech_features")),
    Environment(
        "pyaudioanalysis",
        (
            "pyAudioAnalysis",
            # it imports these without declaring them
            *("eyed3", "hmmlearn", "imbalanced-learn", "matplotlib", "pandas", "plotly", "pydub"),
            *("scikit-learn", "scipy", "simplejson", "tqdm"),
        ),
    ),
    Environment("essentia", ("essentia>=2.1b6.dev0", "numpy")),
    Environment("plain", ("librosa", "onnxruntime")),
    Environment(
        "musicnn",  # what it ran with in its day; it names no upper bounds itself
        (
            *("musicnn==0.1.0", "tensorflow==1.15.5", "protobuf<3.21", "numpy<1.17"),
            *("librosa==0.7.2", "numba==0.48.0", "resampy==0.2.2", "soundfile"),
        ),
        python="3.7",
    ),
    Environment("fftw", ("pyfftw", "numpy", "scipy")),
)
ENVIRONMENTS: Mapping[str, Environment] = MappingProxyType({each.name: each for each in _ALL})
