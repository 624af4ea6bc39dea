"""Figures: what is in them is what the report says."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generify.errors import GenerifyError, MissingExtraError, ParameterError
from generify.evaluation import EvaluationReport, Experiment, evaluate_predictions
from generify.plots import (
    plot_calibration,
    plot_comparison,
    plot_confusion,
    plot_roc_curve,
    plot_roc_curves,
    plot_roc_grid,
    plot_spectrograms,
    plot_timeline,
    render_figure,
    save_figure,
)
from generify.plots.style import (
    PALETTE,
    genre_colours,
    genre_dashes,
    new_figure,
    plain_label,
    text_colour,
)
from generify.prediction import GenreProbability, Prediction, TimelineSegment
from generify.spectrograms import Spectrogram
from generify.spectrum import mel_to_hz

GENRES = ("blues", "jazz", "rock")
PNG = b"\x89PNG\r\n\x1a\n"


def make_report(
    genres: tuple[str, ...] = GENRES,
    n_tracks: int = 60,
    folds: tuple[float, ...] = (0.6, 0.7, 0.8),
    split: str = "artist-grouped",
) -> EvaluationReport:
    """A report of noisy predictions; every genre but an "absent" one occurs."""
    rng = np.random.default_rng(0)
    present = [i for i, genre in enumerate(genres) if genre != "absent"]
    y = np.array(present)[np.arange(n_tracks) % len(present)]
    scores = rng.normal(0, 1, (n_tracks, len(genres)))
    scores[np.arange(n_tracks), y] += 1.5
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return evaluate_predictions(
        y,
        probabilities,
        genres,
        tracks=tuple(f"{i}.wav" for i in range(n_tracks)),
        experiment=Experiment("timbre + lda", "GTZAN", split, "no artist on two sides", 120),
        fold_accuracies=folds,
    )


def make_prediction(*, with_genres: bool = True, unknown: bool = False) -> Prediction:
    """Three slots of jazz, silence, one of jazz, one of rock."""
    table = [(0, (0.1, 0.7, 0.2)), (3, (0.2, 0.6, 0.2)), (6, (0.0, 0.9, 0.1))]
    table += [(12, (0.1, 0.8, 0.1)), (15, (0.3, 0.1, 0.6))]
    segments = tuple(
        TimelineSegment(
            start=float(start),
            end=start + 3.0,
            genre=GENRES[int(np.argmax(row))],
            probability=max(row),
            genres=tuple(map(GenreProbability, GENRES, row)) if with_genres else (),
        )
        for start, row in table
    )
    return Prediction(
        path="music/a $ong_$.mp3",
        model="western",
        genre=None if unknown else "jazz",
        confidence=0.5,
        unknown=unknown,
        genres=tuple(map(GenreProbability, ("jazz", "rock", "blues"), (0.5, 0.3, 0.2))),
        duration=19.0,
        analysed=19.0,
        timeline=segments,
    )


def words(figure) -> str:
    """All text of a figure that is not inside its axes."""
    return "\n".join(text.get_text() for text in figure.texts)


def legend_texts(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_confusion_rows_sum_to_one() -> None:
    report = make_report()
    (image,) = plot_confusion(report).axes[0].images
    shares = np.asarray(image.get_array())
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    # row = true genre: the diagonal is recall, which is not precision here
    np.testing.assert_allclose(np.diag(shares), [score.recall for score in report.scores])
    assert not np.allclose(np.diag(shares), [score.precision for score in report.scores])


def test_confusion_cells_show_share_and_count() -> None:
    report = make_report()
    axes = plot_confusion(report).axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert len(cells) == 9
    for (row, column), count in np.ndenumerate(np.array(report.confusion)):
        expected = f"{100 * count / 20:.0f} %\n{count}" if count else "0"
        assert cells[column, row] == expected
    assert axes.get_xlabel() == "predicted genre"
    assert axes.get_ylabel().startswith("true genre")
    assert [label.get_text() for label in axes.get_xticklabels()] == list(GENRES)
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{g} (20)" for g in GENRES]


def test_nearly_all_is_not_all() -> None:
    report = replace(make_report(), confusion=((399, 1, 0), (0, 20, 0), (0, 0, 20)))
    axes = plot_confusion(report).axes[0]
    cells = [text.get_text() for text in axes.texts]
    assert cells[:3] == ["> 99 %\n399", "< 1 %\n1", "0"]
    assert cells[4] == "100 %\n20"


def test_confusion_of_a_genre_without_tracks() -> None:
    figure = plot_confusion(make_report(("absent", "jazz", "rock")))
    shares = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    assert np.isnan(shares[0]).all()
    np.testing.assert_allclose(shares[1:].sum(axis=1), 1)


def test_every_report_figure_names_split_and_interval() -> None:
    report = make_report()
    figures = [
        plot_roc_curve(report, "jazz"),
        plot_roc_curves(report),
        plot_roc_grid(report),
        plot_confusion(report),
        plot_calibration(report),
    ]
    for figure in figures:
        said = words(figure).replace("\n", " ")
        assert "split “artist-grouped”" in said
        assert f"accuracy {100 * report.accuracy:.1f} %" in said
        assert f"95 % interval {100 * report.low:.1f} to {100 * report.high:.1f}" in said
        assert "on 60 tracks, trained on 120" in said
        assert figure.get_facecolor() == (1, 1, 1, 1)


def test_roc_curves_legend_holds_auc() -> None:
    report = make_report()
    axes = plot_roc_curves(report).axes[0]
    areas = [f"{curve.genre}, AUC {curve.auc:.3f}" for curve in report.roc_curves]
    assert legend_texts(axes) == [*areas, "chance, AUC 0.500"]
    lines = axes.get_lines()
    for line, curve in zip(lines, report.roc_curves, strict=False):
        np.testing.assert_allclose(line.get_xdata(), curve.false_positive_rate)
        np.testing.assert_allclose(line.get_ydata(), curve.true_positive_rate)
    np.testing.assert_allclose(lines[-1].get_xydata(), [(0, 0), (1, 1)])


def test_roc_curve_of_one_genre() -> None:
    report = make_report()
    axes = plot_roc_curve(report, "rock").axes[0]
    assert legend_texts(axes)[0] == f"rock, AUC {report.roc_curves[2].auc:.3f}"
    with pytest.raises(ParameterError, match="no ROC curve of 'polka'") as caught:
        plot_roc_curve(report, "polka")
    assert caught.value.hint == "genres that have one: blues, jazz, rock"


@pytest.mark.parametrize("n_genres", [4, 6, 10, 12])
def test_no_title_of_the_roc_grid_lies_on_the_row_above(n_genres: int) -> None:
    figure = plot_roc_grid(make_report(tuple(f"genre {n}" for n in range(n_genres))))
    figure.canvas.draw()
    panels = figure.axes
    tops = sorted({round(axes.get_position().y1, 3) for axes in panels}, reverse=True)
    assert len(tops) > 1
    rows = [[a for a in panels if round(a.get_position().y1, 3) == top] for top in tops]
    for above, below in itertools.pairwise(rows):
        labels = [label.get_window_extent() for a in above for label in a.get_xticklabels()]
        titles = [axes.title.get_window_extent() for axes in below]
        assert min(box.y0 for box in labels) > max(box.y1 for box in titles)


def test_roc_grid_has_a_panel_for_each_genre() -> None:
    figure = plot_roc_grid(make_report(("absent", "blues", "jazz", "pop", "rock")))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["absent", "blues", "jazz", "pop", "rock"]
    notes = [axes.texts[0].get_text() for axes in figure.axes]
    assert notes[0] == "no test tracks"
    assert all(note.startswith("AUC ") for note in notes[1:])


def test_calibration_draws_bins_and_counts() -> None:
    report = make_report()
    above, below = plot_calibration(report).axes
    few = [b for b in report.calibration if 0 < b.n_tracks < 5]
    telling = [b for b in report.calibration if b.n_tracks >= 5]
    assert few
    line = above.get_lines()[1]
    expected = [(b.confidence, b.accuracy) for b in telling]
    np.testing.assert_allclose(line.get_xydata(), expected, rtol=1e-12)
    lone, points = above.collections
    np.testing.assert_allclose(lone.get_offsets(), [(b.confidence, b.accuracy) for b in few])
    np.testing.assert_allclose(points.get_offsets(), expected)
    order = np.argsort([b.n_tracks for b in telling], kind="stable")
    assert (np.diff(points.get_sizes()[order]) >= 0).all()
    heights = [bar.get_height() for bar in below.patches]
    assert heights == [b.n_tracks for b in report.calibration]
    assert sum(heights) == 60
    assert f"{report.calibration_error:.3f}" in legend_texts(above)[0]


def test_comparison_shows_folds_and_chance() -> None:
    reports = [make_report(folds=(0.5, 0.6, 0.9)), make_report(folds=())]
    axes = plot_comparison(reports, ["lda", "knn"]).axes[0]
    (points,) = [c for c in axes.collections if len(c.get_offsets()) == 3]
    np.testing.assert_allclose(points.get_offsets()[:, 0], [0.5, 0.6, 0.9])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lda", "knn"]
    first, second = axes.get_yticks()
    assert axes.transData.transform((0, first))[1] > axes.transData.transform((0, second))[1]
    assert axes.get_xlim()[1] > 1  # points at 100 % are whole
    chance = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(chance[0].get_xdata(), [1 / 3, 1 / 3])
    assert axes.texts[0].get_text() == "chance: 1 of 3 genres"
    (diamond,) = [line for line in axes.get_lines() if line.get_marker() == "D"]
    assert float(diamond.get_xdata()[0]) == pytest.approx(reports[1].accuracy)
    (bar,) = [c for c in axes.collections if hasattr(c, "get_segments")]
    ends = [float(x) for x, _ in bar.get_segments()[0]]
    assert ends == pytest.approx([reports[1].low, reports[1].high])


def test_comparison_refuses_different_splits() -> None:
    reports = [make_report(), make_report(split="random")]
    with pytest.raises(ParameterError, match="must share dataset, split and genres"):
        plot_comparison(reports, ["a", "b"])
    with pytest.raises(ParameterError, match="got 1 reports and 2 labels"):
        plot_comparison(reports[:1], ["a", "b"])
    with pytest.raises(ParameterError, match="got 0 reports"):
        plot_comparison([], [])


@pytest.mark.parametrize("n_panels", range(1, 13))
def test_spectrograms_make_a_tidy_grid(n_panels: int) -> None:
    mels = [Spectrogram(f"song {i}", np.full((128, 40), -30.0 - i), 30.0) for i in range(n_panels)]
    figure = plot_spectrograms(mels)
    panels, bar = figure.axes[:-1], figure.axes[-1]
    assert [axes.get_title() for axes in panels] == [mel.title for mel in mels]
    assert bar.get_ylabel() == "dB"
    for axes in panels:
        assert axes.get_xlim() == (0, 30)
        assert axes.images[0].get_clim() == (-110, -30)  # one scale for all


def test_spectrogram_ticks_stand_on_their_bands() -> None:
    axes = plot_spectrograms([Spectrogram("tone", np.zeros((128, 10)), 1.0)]).axes[0]
    # independent of the code: the centre of band k in Hz, from the definition of a mel filterbank
    from generify.spectrum import hz_to_mel

    centres = mel_to_hz(np.linspace(0, float(hz_to_mel(11025.0)), 130))[1:-1]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["250 Hz", "500 Hz", "1 kHz", "2 kHz", "4 kHz", "8 kHz"]
    hertz = np.interp(axes.get_yticks(), np.arange(128), centres)
    np.testing.assert_allclose(hertz, [250, 500, 1000, 2000, 4000, 8000], rtol=2e-3)


@pytest.mark.parametrize(
    ("mels", "message"),
    [
        ([], "expected 1 to 30 spectrograms, got 0"),
        ([Spectrogram("a", np.zeros(5), 1.0)], r"got shape \(5,\) over 1 s"),
        ([Spectrogram("a", np.zeros((128, 5)), 0.0)], "over 0 s"),
        ([Spectrogram("a", np.zeros((128, 0)), 1.0)], r"got shape \(128, 0\)"),
    ],
)
def test_spectrograms_refuse_what_is_no_matrix(mels: list, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        plot_spectrograms(mels)


def test_timeline_bands_join_and_leave_gaps() -> None:
    band, areas = plot_timeline(make_prediction()).axes
    spans = [patch.get_extents() for c in band.collections for patch in c.get_paths()]
    assert [(span.x0, span.x1) for span in spans] == [(0, 9), (12, 15), (15, 18)]
    assert [text.get_text() for text in band.texts] == ["jazz", "jazz", "rock"]
    assert areas.get_xlim() == (0, 19)
    assert legend_texts(areas) == ["blues", "jazz", "rock"]


def test_timeline_stacks_to_one_in_genre_colours() -> None:
    _, areas = plot_timeline(make_prediction()).axes
    tops = [max(path.vertices[:, 1].max() for path in c.get_paths()) for c in areas.collections]
    assert tops[-1] == pytest.approx(1)
    from matplotlib.colors import to_hex

    colours = [to_hex(c.get_facecolor()[0]) for c in areas.collections]
    assert colours == [genre_colours(GENRES)[genre] for genre in GENRES]


def test_timeline_without_all_probabilities_shows_the_best() -> None:
    _, areas = plot_timeline(make_prediction(with_genres=False)).axes
    assert legend_texts(areas) == ["jazz", "rock"]
    tops = [max(path.vertices[:, 1].max() for path in c.get_paths()) for c in areas.collections]
    assert max(tops) == pytest.approx(0.9)


def test_timeline_waveform_is_coloured_by_genre() -> None:
    samples = np.sin(np.arange(19 * 1000) / 10).astype(np.float32)
    wave = plot_timeline(make_prediction(), samples=samples, sample_rate=1000).axes[0]
    (lines,) = wave.collections
    colours = genre_colours(GENRES)
    from matplotlib.colors import to_hex

    at = {round(segment[0][0], 2): to_hex(c) for segment, c in zip(
        lines.get_segments(), lines.get_colors(), strict=True
    )}  # fmt: skip
    nearest = {t: at[min(at, key=lambda x: abs(x - t))] for t in (4.0, 10.5, 17.0)}
    assert nearest == {4.0: colours["jazz"], 10.5: "#c9c9c9", 17.0: colours["rock"]}
    assert len(at) <= 1200


@pytest.mark.parametrize("confidence", [0.4359, 0.29, 0.9999, 0.004])
@pytest.mark.parametrize("unknown", [True, False])
def test_timeline_says_what_the_terminal_says(confidence: float, unknown: bool) -> None:
    from generify.cli.terminal import format_sure

    prediction = replace(make_prediction(unknown=unknown), confidence=confidence)
    said = words(plot_timeline(prediction)).splitlines()[0]
    assert said.endswith(f"jazz ({format_sure(confidence)})")


def test_timeline_is_titled_with_the_name_that_is_given() -> None:
    prediction = replace(make_prediction(), path="music/B/01.ogg")
    assert words(plot_timeline(prediction, name="B/01.ogg")).startswith("B/01.ogg: ")
    assert words(plot_timeline(prediction)).startswith("01.ogg: ")


def test_timeline_has_no_percentage_where_it_means_nothing() -> None:
    doubt = "it sounds like noise, not like music"
    prediction = replace(make_prediction(unknown=True), doubt=doubt)
    assert words(plot_timeline(prediction)).splitlines()[0].endswith(": unknown, nearest jazz")


def test_timeline_says_unknown_and_tells_the_time() -> None:
    figure = plot_timeline(make_prediction(unknown=True))
    assert "unknown, nearest jazz (50 %)" in words(figure)
    render_figure(figure)
    labels = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert "00:10" in labels


def test_timeline_needs_a_timeline_and_a_rate() -> None:
    prediction = make_prediction()
    bare = Prediction(**{**prediction.__dict__, "timeline": None})
    with pytest.raises(ParameterError, match="has no timeline"):
        plot_timeline(bare)
    with pytest.raises(ParameterError, match=r"got shape \(2, 5\)"):
        plot_timeline(prediction, samples=np.zeros((2, 5)), sample_rate=10)
    with pytest.raises(ParameterError, match="sample_rate=None"):
        plot_timeline(prediction, samples=np.zeros(5))


def test_genres_keep_their_colour_in_any_order() -> None:
    colours = genre_colours(("rock", "blues", "jazz"))
    assert colours == genre_colours(GENRES)
    many = [f"genre {i:02d}" for i in range(25)]
    marks = {(genre_colours(many)[g], genre_dashes(many)[g]) for g in many}
    assert len(marks) == 25


def _linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(linear, 0, 1) / to_xyz.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(
    "vision",
    [
        np.eye(3),
        # protanopia, deuteranopia, tritanopia: Machado, Oliveira & Fernandes 2009, severity 1
        np.array(
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ]
        ),
        np.array(
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ]
        ),
        np.array(
            [
                [1.255528, -0.076749, -0.178779],
                [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900],
            ]
        ),
    ],
    ids=["full", "protan", "deutan", "tritan"],
)
def test_palette_is_safe_for_the_colour_blind(vision: np.ndarray) -> None:
    seen = [_lab(vision @ _linear(colour)) for colour in PALETTE]
    gaps = [float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)]
    assert min(gaps) > 28


def test_labels_are_plain() -> None:
    assert plain_label("a\nb\tc") == "a b c"
    assert plain_label("R$B$") == r"R\$B\$"
    assert plain_label("_hidden").lstrip() == "_hidden"
    assert not plain_label("_hidden").startswith("_")
    assert plain_label("x" * 30) == "x" * 23 + "…"
    assert text_colour("#000000") == "white"
    assert text_colour("#ffffff") != "white"


ODD = ("$x^{$", "_under", "गज़ल", "a very long name of a genre indeed", "métal", "line\nbreak")


@pytest.mark.parametrize("n_genres", [2, 12, 30])
def test_odd_names_and_many_genres_fit(n_genres: int) -> None:
    genres = (ODD + tuple(f"genre {i}" for i in range(24)))[:n_genres]
    report = make_report(genres, n_tracks=4 * n_genres)
    confusion = plot_confusion(report)
    for figure in (confusion, plot_roc_curves(report)):
        assert render_figure(figure).startswith(PNG)
        boxes = [axes.get_tightbbox() for axes in figure.axes]
        assert min(min(box.x0, box.y0) for box in boxes) >= -1
        assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1
    axes = confusion.axes[0]
    labels = axes.get_yticklabels()
    for row in (labels, axes.texts[:n_genres]):
        extents = [text.get_window_extent() for text in row]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(extents))
    everything = [*labels, *axes.get_xticklabels(), *axes.texts, *confusion.texts]
    assert min(text.get_fontsize() for text in everything) >= 8


def test_equal_figures_give_equal_files() -> None:
    report = make_report()
    assert render_figure(plot_confusion(report)) == render_figure(plot_confusion(report))
    figure = plot_roc_curve(report, "jazz")
    assert b"CreationDate" not in render_figure(figure, "pdf")
    assert b"<dc:date>" not in render_figure(figure, "svg")


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", PNG), ("a.PNG", PNG), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_save_figure_goes_by_the_name(tmp_path: Path, name: str, start: bytes) -> None:
    path = save_figure(plot_roc_curve(make_report(), "jazz"), tmp_path / name)
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_save_figure_refuses_other_formats(tmp_path: Path) -> None:
    figure = plot_calibration(make_report())
    for name in ("a.bmp", "a"):
        with pytest.raises(ParameterError, match="expected one of png, svg, pdf") as caught:
            save_figure(figure, tmp_path / name)
        assert ".png" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_save_figure_says_when_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(GenerifyError, match="cannot write") as caught:
        save_figure(plot_calibration(make_report()), tmp_path / "missing" / "a.png")
    assert "folder" in caught.value.hint


def test_missing_matplotlib_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_report()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="this needs matplotlib") as caught:
        plot_confusion(report)
    assert caught.value.hint == "pip install 'generify[train]'"


def test_pyplot_is_never_loaded() -> None:
    import subprocess

    script = (
        "import sys, numpy as np\n"
        "from generify.plots import plot_spectrograms, render_figure\n"
        "print('matplotlib' in sys.modules)\n"
        "from generify.spectrograms import Spectrogram\n"
        "render_figure(plot_spectrograms([Spectrogram('a', np.zeros((128, 9)), 1.0)]))\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["False", "False"])


def test_no_nan_reaches_a_title() -> None:
    report = make_report(("absent", "jazz", "rock"))
    assert math.isnan(report.scores[0].roc_auc)
    for figure in (plot_confusion(report), plot_roc_curves(report), plot_roc_grid(report)):
        assert "nan" not in words(figure)


def test_the_lines_of_a_subtitle_are_about_equally_long() -> None:
    text = "mfcc + lda on songs, split “artist”: accuracy 60.0 % (95 % interval 47.4 to 71.4) on 60"
    figure = new_figure(5.4, 3, title="t", subtitle=text)
    first, second = figure.texts[1].get_text().split("\n")
    assert f"{first} {second}" == text
    assert abs(len(first) - len(second)) < 15
    assert not second.startswith("%")
