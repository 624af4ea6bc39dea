"""What is measured: one table of cases, in the order of the page.

In it: :func:`list_cases`, :data:`GROUPS`, :class:`Material`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speed.running import Case, Side
from speed.songs import FORMATS, LIBRARY_SIZES, MINUTES, N_DISTINCT, N_SCANNED, Songs

GROUPS = (
    "Decoding",
    "Features",
    "Tags",
    "One song",
    "Start-up",
    "Many songs",
    "Training",
    "Growth",
)

_HOP_1S = "61"  # frames from window to window, as the original has it: 28 windows in 30 s
_HOP_3S = "187"  # one after the other
_HOP_OURS = "183"  # as the released model has it: ten in 30 s
_FEW = 20  # tracks for what takes librosa half a second each
_BACKENDS = ("numpy", "scipy", "fftw")


@dataclass(frozen=True)
class Material:
    """What the cases work on.

    Attributes
    ----------
    songs : Songs
        Where the songs lie.
    network : Path
        The tagger's network as converted, for those who run it plainly.
    table : Path
        Features of the short library, as CSV.
    out : Path
        Folder for what commands write.
    """

    songs: Songs
    network: Path
    table: Path
    out: Path


def list_cases(material: Material) -> tuple[Case, ...]:
    """List all cases.

    Parameters
    ----------
    material : Material
        What they work on.

    Returns
    -------
    tuple of Case
        Group by group.
    """
    return (
        *_decoding(material.songs),
        *_features(material.songs),
        *_tags(material),
        *_one_song(material),
        *_start_up(),
        *_many_songs(material),
        *_training(material),
        *_growth(material),
    )


def _ours(task: str, *arguments: str, name: str = "generify") -> Side:
    return Side(name, ("python", "-m", "peers.ours", task, *arguments))


def _command(*arguments: str, name: str = "generify", count: int = 1, rounds: int = 0) -> Side:
    return Side(name, ("generify", *arguments), cold=True, count=count, rounds=rounds)


def _script(text: str, environment: str = "generify", name: str = "") -> Side:
    command = ("python", "-c", text)
    return Side(name or f"python -c '{text}'", command, environment, cold=True)


def _librosa(task: str, *arguments: str) -> Side:
    return _peer("librosa", "librosa_recipe", task, *arguments)


def _peer(
    environment: str, module: str, *arguments: str, name: str = "", count: int = 1, rounds: int = 0
) -> Side:
    command = ("python", "-m", f"peers.{module}", *arguments)
    return Side(name or environment, command, environment, count=count, rounds=rounds)


def _cold_peer(
    environment: str, module: str, *arguments: str, count: int = 1, rounds: int = 0
) -> Side:
    command = ("python", "-m", f"peers.{module}", "--once", *arguments)
    return Side(environment, command, environment, cold=True, count=count, rounds=rounds)


def _decoding(songs: Songs) -> list[Case]:
    files = {f"decode-{name}": songs.in_format(name) for name in FORMATS}
    files["decode-4min"] = songs.long(4)
    return [
        Case(
            name,
            "Decoding",
            f"{Path(path).name}, stereo at 44.1 kHz, to mono at 22.05 kHz",
            (
                _ours("decode", path),
                _librosa("decode", path),
                _peer("essentia", "essentia_mfcc", "decode", path),
                *_readers_without_resampling(path),
            ),
            one_core=True,
            alike=True,
        )
        for name, path in files.items()
    ]


def _readers_without_resampling(path: str) -> list[Side]:
    if not path.endswith(".wav"):
        return []
    return [
        _peer("predecessor", "predecessor", "decode", path, name="scipy (no resampling)"),
        _peer(
            "pyaudioanalysis",
            "pyaudioanalysis_features",
            *("decode", path),
            name="pyAudioAnalysis (no resampling)",
        ),
    ]


def _features(songs: Songs) -> list[Case]:
    samples = songs.samples
    bare = [
        _peer("fftw", "bare_fft", backend, samples, name=f"bare FFTs, {backend}")
        for backend in _BACKENDS
    ]
    essentia = _peer("essentia", "essentia_mfcc", "mfcc", samples)
    return [
        _feature("log-mel", (_ours("log_mel", samples), _librosa("log_mel", samples), *bare)),
        _feature(
            "mfcc-13",
            (
                _ours("mfcc", samples),
                _librosa("mfcc", samples),
                *bare,
                _peer(
                    *("predecessor", "predecessor", "mfcc", songs.clip),
                    name="python_speech_features (2.3 × as many, shorter frames)",
                ),
                essentia,
            ),
        ),
        _feature(
            "extractor-mfcc", (_ours("extractor", "mfcc", samples), _librosa("mfcc", samples))
        ),
        _feature(
            "extractor-timbre",
            (_ours("extractor", "timbre", samples), _librosa("timbre", samples)),
        ),
        _feature("extractor-rhythm", (_ours("extractor", "rhythm", samples),)),
        _feature(
            "extractor-classic",
            (
                _ours("extractor", "classic", samples),
                _librosa("classic", samples),
                _peer(
                    *("pyaudioanalysis", "pyaudioanalysis_features", "features", songs.clip),
                    name="pyAudioAnalysis (its 68 features)",
                    rounds=3,
                ),
            ),
        ),
        _feature("extractor-tags", (_ours("extractor", "tags", samples),)),
        _feature("extractor-embedding", (_ours("extractor", "embedding", samples),)),
    ]


def _feature(name: str, sides: tuple[Side, ...]) -> Case:
    what = name.removeprefix("extractor-")
    title = f"{what} of 30 s, from samples at 22.05 kHz"
    alike = name in {"log-mel", "mfcc-13", "extractor-classic"}
    return Case(name, "Features", title, sides, rounds=9, one_core=True, alike=alike)


def _tags(material: Material) -> list[Case]:
    clip, network = material.songs.clip, str(material.network)
    mel = f"{clip}.mel.npy"
    original = _peer("musicnn", "original_musicnn", "tag_file", clip, "1", rounds=3)
    threads = {"1": "one thread", "2": "two threads"}
    return [
        Case(
            f"tags-{number}",
            "Tags",
            f"50 tags of 28 windows, one a second, of a 30-s WAV, {text}",
            (
                _ours("tag_file", clip, _HOP_1S, number),
                _peer("plain", "plain_musicnn", "tag_file", network, clip, _HOP_1S, number),
                *([original] if number == "2" else []),
            ),
            one_core=number == "1",
            alike=True,
        )
        for number, text in threads.items()
    ] + [
        Case(
            "tags-network",
            "Tags",
            "the same from samples at 16 kHz; the other has the log-mel spectrum made for it",
            (
                _ours("tag_mel", clip, _HOP_1S, "1"),
                _peer("plain", "plain_musicnn", "tag_mel", network, mel, _HOP_1S, "1"),
            ),
            one_core=True,
            alike=True,
        )
    ]


def _one_song(material: Material) -> list[Case]:
    songs = {"30s": material.songs.clip, "4min": material.songs.long(4)}
    titles = {"30s": "a 30-s WAV", "4min": "a 4-minute MP3, stereo at 44.1 kHz"}
    network = str(material.network)
    cases = []
    for length, path in songs.items():
        plain = ("tag_file", network, path, _HOP_3S, "1")
        original = ("musicnn", "original_musicnn", "tag_file", path, "3")
        cases += [
            Case(
                f"predict-warm-{length}",
                "One song",
                f"the genre of {titles[length]}, model loaded",
                (
                    _ours("predict", path),
                    _peer("plain", "plain_musicnn", *plain),
                    _peer(*original, rounds=2),
                ),
                one_core=True,
            ),
            Case(
                f"predict-cold-{length}",
                "One song",
                f"the genre of {titles[length]}, whole command",
                (
                    _command("predict", path),
                    _script("import numpy, onnxruntime"),
                    _cold_peer("plain", "plain_musicnn", *plain, rounds=3),
                    _cold_peer(*original, rounds=2),
                ),
                rounds=7,
                one_core=True,
            ),
        ]
    return cases


def _start_up() -> list[Case]:
    typer = _script("import typer")
    return [
        Case(
            "help",
            "Start-up",
            "generify --help",
            (_command("--help"), typer, _command("predict", "--help", name="predict --help")),
            rounds=11,
        ),
        Case(
            "import",
            "Start-up",
            "import the library",
            (
                _script("import generify", name="import generify"),
                _script("pass"),
                _script("from generify import predict", name="from generify import predict"),
                _script("from librosa.feature import mfcc", "librosa"),
                _script("import essentia.standard", "essentia", name="import essentia"),
            ),
        ),
    ]


def _many_songs(material: Material) -> list[Case]:
    songs, out = material.songs, material.out
    library = songs.library(N_DISTINCT)
    return [
        Case(
            "table-mfcc",
            "Many songs",
            f"MFCC table of {N_DISTINCT:,} WAV clips of 30 s, whole command; seconds a clip",
            (
                _extract(library, "mfcc", out, jobs=2, n_tracks=N_DISTINCT),
                _extract(library, "mfcc", out, jobs=1, n_tracks=N_DISTINCT),
                _cold_peer(
                    *("librosa", "librosa_recipe", "mfcc_table", library, str(out / "l.csv")),
                    count=N_DISTINCT,
                    rounds=2,
                ),
                _cold_peer(
                    *("predecessor", "predecessor", "mfcc_table", library, str(out / "p.csv")),
                    count=N_DISTINCT,
                    rounds=2,
                ),
            ),
            rounds=3,
        ),
        Case(
            "table-timbre",
            "Many songs",
            f"timbre table of the same, whole command; librosa: {_FEW} of them, without start-up",
            (
                _extract(library, "timbre", out, jobs=2, n_tracks=N_DISTINCT),
                _peer(
                    *("librosa", "librosa_recipe", "timbre_table", library, str(_FEW)),
                    count=_FEW,
                ),
            ),
            rounds=2,
        ),
        Case(
            "scan",
            "Many songs",
            f"scan of {N_SCANNED} clips of 30 s, western model, whole command; seconds a song",
            (
                _scan(material, N_SCANNED, jobs=2, name="2 jobs"),
                _scan(material, N_SCANNED, jobs=1, name="1 job"),
                _peer(
                    *("plain", "plain_musicnn", "tag_files", str(material.network)),
                    *(songs.scanned(N_SCANNED // 2), _HOP_OURS, "2"),
                    name="plain, two threads, without start-up",
                    count=N_SCANNED // 2,
                ),
            ),
            rounds=3,
        ),
    ]


def _extract(
    folder: str, features: str, out: Path, *, jobs: int, n_tracks: int, rounds: int = 0
) -> Side:
    return _command(
        *("extract", folder, "-o", str(out / "table.parquet"), "--features", features),
        *("--jobs", str(jobs), "--no-cache"),
        name=f"generify, {jobs} job{'s' * (jobs > 1)}",
        count=n_tracks,
        rounds=rounds,
    )


def _scan(material: Material, n_songs: int, *, jobs: int, name: str) -> Side:
    output = str(material.out / "scan.ndjson")
    command = (
        "scan",
        material.songs.scanned(n_songs),
        "-o",
        output,
        "--jobs",
        str(jobs),
        "--again",
    )
    return Side(name, ("generify", *command), cold=True, count=n_songs, whole_family=True)


def _training(material: Material) -> list[Case]:
    library, model = material.songs.short_library(N_DISTINCT), str(material.out / "model.onnx")
    return [
        Case(
            "train",
            "Training",
            f"train on {N_DISTINCT:,} cached tracks, ten folds, released recipe, whole command",
            (
                _command("train", library, "-o", model, name="train + evaluate"),
                _command("evaluate", library, name="evaluate alone"),
                _cold_peer(
                    *("librosa", "librosa_recipe", "cross_validate", str(material.table)),
                ),
            ),
            rounds=3,
        )
    ]


def _growth(material: Material) -> list[Case]:
    songs = material.songs
    long = {f"{minutes:g} min": songs.long(minutes) for minutes in MINUTES}
    return [
        _grown(
            "growth-song", "the genre of a song of so many minutes (MP3), warm", long, "predict"
        ),
        _grown(
            "growth-timeline",
            "its timeline, warm",
            {name: path for name, path in long.items() if path != songs.long(16)},
            "predict",
            ("timeline",),
        ),
        Case(
            "growth-extract",
            "Growth",
            "MFCC table of a folder of 30-s clips, whole command, nothing cached; seconds a track",
            tuple(
                _named(
                    f"{size:,} tracks",
                    _extract(
                        *(songs.library(size), "mfcc", material.out),
                        jobs=2,
                        n_tracks=size,
                        rounds=1 if size > N_DISTINCT else 0,
                    ),
                )
                for size in LIBRARY_SIZES
            ),
            rounds=3,
        ),
        _grown("growth-listing", "list the tracks of a folder", _libraries(songs), "list_library"),
        _grown(
            "growth-cached",
            "features of a folder whose tracks are all cached",
            _libraries(songs),
            "cached_library",
            ("mfcc", "2"),
        ),
        _grown(
            "growth-table",
            "write and read a feature table",
            {f"{size:,} tracks": str(size) for size in LIBRARY_SIZES},
            "save_and_load_table",
        ),
        Case(
            "growth-scan",
            "Growth",
            "scan, two jobs; seconds a song, memory of all processes",
            tuple(
                _scan(material, n, jobs=2, name=f"{n} songs")
                for n in (N_SCANNED // 2, 2 * N_SCANNED)
            ),
            rounds=2,
        ),
        Case(
            "growth-genres",
            "Growth",
            "train the released recipe on 500 tracks in so many genres",
            tuple(_ours("train", str(n), str(500 // n), name=f"{n} genres") for n in (2, 10, 50)),
            rounds=2,
        ),
        Case(
            "growth-answers",
            "Growth",
            "name the genres of 1,000 vectors with a model of so many genres",
            tuple(_ours("classify", str(n), name=f"{n} genres") for n in (2, 10, 50)),
        ),
    ]


def _named(name: str, side: Side) -> Side:
    return Side(name, side.command, cold=side.cold, count=side.count, rounds=side.rounds)


def _libraries(songs: Songs) -> dict[str, str]:
    return {f"{size:,} tracks": songs.short_library(size) for size in LIBRARY_SIZES}


def _grown(
    name: str, title: str, sizes: dict[str, str], task: str, arguments: tuple[str, ...] = ()
) -> Case:
    sides = tuple(_ours(task, size, *arguments, name=label) for label, size in sizes.items())
    return Case(name, "Growth", title, sides, rounds=3)
