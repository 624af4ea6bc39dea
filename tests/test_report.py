"""The page: it says the split, it escapes, it stands alone."""

from __future__ import annotations

import json
import re
import sys
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import generify.report as report_module
from generify.errors import Failure, GenerifyError, MissingExtraError, ParameterError
from generify.evaluation import EvaluationReport, Experiment, evaluate_predictions
from generify.report import write_comparison, write_report
from generify.spectrograms import Spectrogram

NASTY = "<script>alert('x')</script> & co.mp3"
PNG = b"\x89PNG\r\n\x1a\n"
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Tags, attributes and visible text of a page; fails on tags that do not close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def pictures(self) -> list[bytes]:
        sources = [attrs["src"] or "" for tag, attrs in self.tags if tag == "img"]
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        return [b64decode(source.partition(",")[2], validate=True) for source in sources]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def make_report(genres: tuple[str, ...] = ("a/b", "a b", "गज़ल", "absent")) -> EvaluationReport:
    rng = np.random.default_rng(1)
    y = np.arange(60) % (len(genres) - 1)
    scores = rng.normal(0, 1, (60, len(genres)))
    scores[np.arange(60), y] += 1.2
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return evaluate_predictions(
        y,
        probabilities,
        genres,
        tracks=tuple(f"{i}_{NASTY}" for i in range(60)),
        experiment=Experiment(
            recipe="timbre + <lda>",
            dataset="GTZAN",
            split="fault-filtered",
            split_meaning="No artist is on both sides.",
            n_train=443,
            warnings=("81 clips have no known artist.",),
            failures=(
                Failure(
                    f"left/out/{NASTY}", "AudioDecodeError", f"left/out/{NASTY}: too short: 0.2 s"
                ),
            ),
        ),
        fold_accuracies=(0.5, 0.6, 0.7),
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report of four genres, one of them without tracks."""
    folder = tmp_path_factory.mktemp("report") / "new" / "deep"
    mel = np.linspace(-80, 0, 128 * 50).reshape(128, 50)
    write_report(
        make_report(),
        folder,
        spectrograms=[Spectrogram("one", mel, 30.0)],
    )
    return folder


def test_page_says_what_was_measured_on_what(written: Path) -> None:
    report = make_report()
    page = Page(written / "report.html")
    assert percent(report.accuracy) in page.words
    assert f"95 % interval {percent(report.low)} to {percent(report.high)}" in page.words
    assert "on 60 tracks, trained on 443" in page.words
    assert "Measured on the split “fault-filtered” of GTZAN" in page.words
    assert "No artist is on both sides." in page.words
    assert "81 clips have no known artist." in page.words
    assert "too short: 0.2 s" in page.words
    assert page.words.count("left/out/") == 1
    assert "AudioDecodeError" not in page.words
    assert "With so few test tracks (60), chance alone moves" in page.words


def test_page_holds_every_score(written: Path) -> None:
    report = make_report()
    page = Page(written / "report.html")
    for score in report.scores[:-1]:
        row = (
            f"{score.genre}{score.n_tracks}{percent(score.precision)}{percent(score.recall)}"
            f"{score.f1:.3f}{score.roc_auc:.3f}"
        )
        assert row in page.words
    assert "Not tested, as no track is of them: absent." in page.words
    assert "nan" not in page.words.lower().split()
    for value in (report.macro_f1, report.macro_auc, report.calibration_error):
        assert f"{value:.3f}" in page.words
    assert f"Top 3{percent(report.top3)}" in page.words


def test_many_tracks_are_not_called_few(tmp_path: Path) -> None:
    files = write_report(replace(make_report(), n_tracks=290), tmp_path)
    assert "On this many test tracks (290), chance alone moves" in Page(files.html).words


def test_the_range_of_the_folds_may_be_broken_into_two_lines(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    assert '<dd class="value">50.0\u00a0% <span>to 70.0\u00a0%</span></dd>' in page
    assert "dd.value { font-size: 1.25rem; font-weight" in page


def test_page_lists_the_surest_mistakes(written: Path) -> None:
    report = make_report()
    page = Page(written / "report.html")
    assert len(report.mistakes) > 20
    listed = [m for m in report.mistakes if f"{m.track}{m.genre}{m.predicted}" in page.text]
    assert listed == list(report.mistakes[:20])
    assert f"20 of {len(report.mistakes)} mistakes" in page.words


def test_names_are_escaped(written: Path) -> None:
    page = Page(written / "report.html")
    assert {tag for tag, _ in page.tags} & {"script", "b", "lda", "iframe", "link"} == set()
    assert "&lt;script&gt;" in page.source
    assert f"left/out/{NASTY}" in page.words  # and they read as they were


def test_page_stands_alone(written: Path) -> None:
    page = Page(written / "report.html")
    assert not re.search(r"https?:|//|url\(|@import", page.source.replace("</", "<")
                         .split("</style>")[0].split("data:image")[0])  # fmt: skip
    assert not re.search(r"https?://", page.source)
    linked = [a for _, attrs in page.tags for a in attrs if a in ("href", "srcset", "onload")]
    assert linked == []
    assert "default-src 'none'" in page.source
    assert "prefers-color-scheme: dark" in page.source
    assert "@media print" in page.source


def test_figures_are_files_and_in_the_page(written: Path) -> None:
    names = [
        "calibration.png",
        "confusion.png",
        "roc-grid.png",
        "roc.png",
        "roc_a-b-2.png",
        "roc_a-b.png",
        "roc_genre-3.png",
        "spectrograms.png",
    ]
    files = sorted((written / "figures").iterdir())
    assert [f.name for f in files] == names
    contents = {f.name: f.read_bytes() for f in files}
    assert all(c.startswith(PNG) and len(c) > 10_000 for c in contents.values())
    inside = Page(written / "report.html").pictures()
    order = ("confusion", "roc", "roc-grid", "calibration", "spectrograms")
    assert inside == [contents[f"{name}.png"] for name in order]


def test_the_smallest_letters_of_a_figure_can_be_read(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    widths = [int(text) for text in re.findall(r'width="(\d+)"', page)]
    drawn = [
        int.from_bytes(b64decode(text)[16:20], "big") / 192
        for text in re.findall(r"base64,([\w+/=]+)", page)
    ]
    assert [w / inches * 8.5 / 72 for w, inches in zip(widths, drawn, strict=True)] == (
        pytest.approx([13.7] * len(drawn), abs=0.1)  # pixels; text below a figure has 14.7
    )


def test_json_is_the_report(written: Path) -> None:
    content = json.loads((written / "report.json").read_text(encoding="utf-8"))
    assert content == make_report().to_dict()
    assert content["scores"][3]["roc_auc"] is None


def test_equal_reports_give_equal_files(tmp_path: Path) -> None:
    report = make_report(("x", "y"))
    first, second = (write_report(report, tmp_path / name) for name in "ab")
    assert first.html.read_bytes() == second.html.read_bytes()
    assert first.json.read_bytes() == second.json.read_bytes()


def test_old_files_are_replaced_and_others_kept(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.txt").write_text("mine")
    (tmp_path / "report.html").write_text("old")
    files = write_report(make_report(("x", "y")), tmp_path)
    assert files.html.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "figures" / "mine.txt").read_text() == "mine"
    everything = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert everything == {files.html, files.json, *files.figures, tmp_path / "figures" / "mine.txt"}


@pytest.mark.parametrize("write", [write_report, lambda r, f: write_comparison([r], ["a"], f)])
def test_unwritable_folder_is_told_before_any_work(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_work(*_: object) -> None:
        raise AssertionError("drew before trying the folder")

    for name in ("plot_confusion", "plot_comparison"):
        monkeypatch.setattr(report_module, name, no_work)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GenerifyError, match="cannot make the folder") as caught:
        write(make_report(("x", "y")), tmp_path / "file" / "below")
    assert "folder that you may write to" in caught.value.hint

    def read_only(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("generify.report.tempfile.TemporaryFile", read_only)
    with pytest.raises(GenerifyError, match="Permission denied"):
        write(make_report(("x", "y")), tmp_path)


def test_a_perfect_report_has_no_mistakes(tmp_path: Path) -> None:
    report = evaluate_predictions(
        np.array([0, 1, 1]),
        np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]),
        ("x", "y"),
        tracks=("1", "2", "3"),
        experiment=Experiment("r", "d", "s", "m"),
    )
    page = Page(write_report(report, tmp_path).html)
    assert "None: every track was named rightly." in page.words
    assert "None: every track was used." in page.words
    assert "trained on" not in page.words
    assert "Read this before" not in page.words


def test_one_genre_alone_has_no_curves(tmp_path: Path) -> None:
    report = evaluate_predictions(
        np.array([0, 0]),
        np.array([[0.9, 0.1], [0.2, 0.8]]),
        ("x", "y"),
        tracks=("1", "2"),
        experiment=Experiment("r", "d", "s", "m"),
    )
    files = write_report(report, tmp_path)
    assert [f.name for f in files.figures] == ["confusion.png", "calibration.png"]
    assert "Macro AUC–" in Page(files.html).text.replace("\n", "")


def test_comparison_page(tmp_path: Path) -> None:
    first = make_report(("x", "y", "z"))
    second = replace(
        first,
        accuracy=0.9,
        low=0.8,
        high=0.95,
        fold_accuracies=(),
        experiment=replace(first.experiment, warnings=("Another warning.",)),
    )
    files = write_comparison([first, second], ["one", NASTY], tmp_path)
    page = Page(files.html)
    # mean 0.6 and sample deviation 0.1 of 0.5, 0.6, 0.7
    interval = f"{percent(first.low)} to {percent(first.high)}"
    row = f"one{percent(first.accuracy)}{interval}60.0 % ± 10.0"
    assert row in page.words
    assert f"{NASTY}90.0 %80.0 % to 95.0 %–" in page.words
    assert page.words.index(NASTY) < page.words.index(row)  # the best comes first
    assert "top 3" not in page.words  # of three genres all are
    assert f"The highest accuracy, 90.0 % by {NASTY}" in page.words
    assert "Measured on the split “fault-filtered” of GTZAN" in page.words
    assert "one: 81 clips have no known artist." in page.words
    assert f"{NASTY}: Another warning." in page.words
    assert not re.search(r"https?://", page.source)
    assert page.pictures() == [files.figures[0].read_bytes()]
    content = json.loads(files.json.read_text(encoding="utf-8"))
    assert [r["label"] for r in content["recipes"]] == ["one", NASTY]
    assert content["recipes"][0]["report"] == first.to_dict()
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["comparison.html", "comparison.json", "comparison.png"]


def test_comparison_refuses_different_splits(tmp_path: Path) -> None:
    first = make_report(("x", "y"))
    second = replace(first, experiment=replace(first.experiment, split="random"))
    with pytest.raises(ParameterError, match="must share dataset, split and genres"):
        write_comparison([first, second], ["a", "b"], tmp_path)


def test_comparison_needs_a_label_for_each_before_anything_is_made(tmp_path: Path) -> None:
    report = make_report(("x", "y"))
    said = "a label for each result, got 1 reports among 1 results and 2 labels"
    with pytest.raises(ParameterError, match=said):
        write_comparison([report], ["a", "b"], tmp_path / "new")
    said = "at least one report .* got 0 reports among 1 results and 1 labels"
    with pytest.raises(ParameterError, match=said):
        write_comparison([Failure("a", "E", "x")], ["a"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_missing_jinja_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="this needs jinja2"):
        write_report(make_report(("x", "y")), tmp_path)


def test_a_recipe_that_cannot_be_fitted_is_told_beside_the_others(tmp_path: Path) -> None:
    failed = Failure("svm", "UnfitError", "svm cannot be fitted to 4 tracks; add tracks")
    files = write_comparison([failed, make_report(("x", "y", "z"))], ["svm", "lda"], tmp_path)
    assert "svmsvm cannot be fitted to 4 tracks; add tracks" in Page(files.html).words
    first, second = json.loads(files.json.read_text(encoding="utf-8"))["recipes"]
    assert first["error"] == {"type": "UnfitError", "message": failed.message}
    assert "report" in second
    with pytest.raises(ParameterError, match="at least one report"):
        write_comparison([failed], ["svm"], tmp_path)


def test_that_a_split_flatters_is_in_the_box_to_be_read_first(tmp_path: Path) -> None:
    report = make_report(("x", "y", "z"))
    experiment = replace(report.experiment, flatters=True, split_meaning="drawn at random")
    for files in (
        write_report(replace(report, experiment=experiment), tmp_path / "a"),
        write_comparison([replace(report, experiment=experiment)], ["lda"], tmp_path / "b"),
    ):
        box = "Read this before you believe the numbers drawn at random"
        assert box in Page(files.html).words


def test_the_page_gives_the_baseline_of_unequal_genres(tmp_path: Path) -> None:
    y = np.array([0] * 22 + [1] * 3)
    probabilities = np.tile([0.4, 0.6], (25, 1))
    probabilities[:20] = [0.7, 0.3]
    report = evaluate_predictions(
        y,
        probabilities,
        ("mix", "other"),
        tracks=tuple(map(str, y)),
        experiment=Experiment("r", "d", "s", "m"),
    )
    words = Page(write_report(report, tmp_path).html).words
    assert "For comparison: always answering mix would be right 88 % of the time." in words
