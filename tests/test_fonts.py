"""Names in any script: every letter is drawn by some font or spelt out, never a box."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont

from generify.plots import fonts, plot_timeline, render_figure
from generify.plots.style import plain_label
from generify.prediction import GenreProbability, Prediction, TimelineSegment

JAPANESE = "夏の歌.ogg"


def timeline_of(path: str) -> Prediction:
    segment = TimelineSegment(0, 3, "jazz", 0.8)
    genres = (GenreProbability("jazz", 0.8), GenreProbability("rock", 0.2))
    return Prediction(path, "m", "jazz", 0.8, False, genres, 3, 3, timeline=(segment,))


def figure_with(text: str) -> Figure:
    figure = Figure()
    figure.text(0, 0.5, text)
    return figure


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def missing_glyphs(figure: Figure) -> list[str]:
    """Draw as a stranger would, and name the boxes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(io.BytesIO())
    return [str(one.message) for one in caught if "missing from" in str(one.message)]


def test_other_fonts_help_where_letters_are_missing(capfd: pytest.CaptureFixture[str]) -> None:
    # 𝐀 is in the STIX fonts, which come with matplotlib, and not in its usual one
    assert missing_glyphs(figure_with("𝐀"))
    assert plain_label("𝐀.ogg") == "𝐀.ogg"
    figure = plot_timeline(timeline_of("𝐀.ogg"))
    assert "𝐀.ogg" in words(figure)
    assert missing_glyphs(figure) == []
    figure.axes[0].set_title("𝐀")  # what is added later is mended as it is drawn
    render_figure(figure)
    assert missing_glyphs(figure) == []
    capfd.readouterr()
    render_figure(figure)
    assert capfd.readouterr() == ("", "")


def test_fonts_are_lent_once() -> None:
    figure = figure_with("𝐀")
    fonts.lend_fonts(figure)
    families = figure.texts[0].get_fontfamily()
    fonts.lend_fonts(figure)
    assert figure.texts[0].get_fontfamily() == families
    assert len(set(families)) == len(families) > 1


def test_letters_that_no_font_has_are_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = fonts._letters_of(findfont(FontProperties()))
    monkeypatch.setattr(fonts, "_letters_of", lambda path: usual)
    assert plain_label(JAPANESE) == r"\u590f\u306e\u6b4c.ogg"
    assert plain_label("Beyoncé – Łódź") == "Beyoncé – Łódź"
    figure = plot_timeline(timeline_of(JAPANESE))
    assert r"\u590f\u306e\u6b4c.ogg: jazz" in words(figure)
    assert missing_glyphs(figure) == []


def test_fonts_of_boxes_do_not_count() -> None:
    families, _ = fonts._choose({"\N{EGYPTIAN HIEROGLYPH A001}"})
    assert not any("resort" in family.lower() for family in families)


def test_a_font_that_cannot_be_read_has_no_letters(tmp_path: Path) -> None:
    path = tmp_path / "broken.ttf"
    path.write_bytes(b"no font")
    assert fonts._letters_of(str(path)) == frozenset()


def test_wide_letters_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_choose", lambda letters: ([], set()))
    assert plain_label("夏" * 30, 10) == "夏" * 4 + "…"
    assert plain_label("夏" * 5, 10) == "夏" * 5


@pytest.mark.parametrize(("letter", "n_names"), [("j", 1), ("夏", 0)])
def test_a_band_is_named_where_its_name_fits(
    monkeypatch: pytest.MonkeyPatch, letter: str, n_names: int
) -> None:
    # Of 8.9 inches the band has 0.9: ten letters of 0.08 inches fit, ten of twice that do not.
    monkeypatch.setattr(fonts, "_choose", lambda letters: ([], set()))
    name = 9 * letter
    segments = (TimelineSegment(0, 3, name, 0.8), TimelineSegment(9, 30, "rock", 0.8))
    genres = (GenreProbability(name, 0.8), GenreProbability("rock", 0.2))
    song = Prediction("a.ogg", "m", name, 0.8, False, genres, 30, 30, timeline=segments)
    drawn = [text.get_text() for text in plot_timeline(song).axes[0].texts]
    assert drawn == n_names * [name] + ["rock"]
