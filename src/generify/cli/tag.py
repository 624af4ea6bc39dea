"""``generify tag``: genres into the tags of songs, and out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify import defaults
from generify.cli.changes import ChangeTable
from generify.cli.checks import check_extra, check_output
from generify.cli.formats import Format
from generify.cli.options import FormatOption, ModelOption, min_confidence_option
from generify.cli.tag_sources import tag_scanned, tag_unheard
from generify.errors import ParameterError

__all__ = ["register", "tag"]


_Songs = typer.Argument(
    metavar="SONG...", help="Songs, or folders of songs.", default_factory=list, show_default=False
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify tag song.mp3 --dry-run")(tag)


def tag(
    songs: Annotated[list[Path], _Songs],
    results: Annotated[
        Path | None,
        typer.Option("--from", metavar="RESULTS", help="Take what generify scan wrote."),
    ] = None,
    model: ModelOption = defaults.MODEL,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Songs that have a genre get another one too.")
    ] = False,
    min_confidence: Annotated[
        float, min_confidence_option("Less sure songs, 0 to 1, are left alone.")
    ] = defaults.TAG_CONFIDENCE,
    max_genres: Annotated[
        int, typer.Option(min=1, metavar="N", help="Genres a song; further ones from 20 % on.")
    ] = 1,
    vocabulary: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help='Own names: .toml, hiphop = "Hip-Hop/Rap".'),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")
    ] = False,
    undo_run: Annotated[
        bool, typer.Option("--undo", help="Bring the files of the latest run back.")
    ] = False,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Journal of the run, kept for --undo or to be undone."),
    ] = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """Write the genre into songs that have none, where it is sure."""
    check_extra("tags", "mutagen")
    from generify.tagging import TagOptions, read_vocabulary

    _check_given(undo_run, bool(songs or results))
    if undo_run:
        _undo(journal, how, dry_run)
        return
    check_output(journal)
    options = TagOptions(
        overwrite=overwrite,
        min_confidence=min_confidence,
        max_genres=max_genres,
        vocabulary=read_vocabulary(vocabulary) if vocabulary else {},
        dry_run=dry_run,
        journal=journal,
    )
    table = ChangeTable(how, options, dry_run=dry_run)
    if results:
        tagging = tag_scanned(results, songs, options)
    else:
        tagging = tag_unheard(songs, model, options)
    table.show(tagging.changes, tagging.files, tagging.genres)


def _undo(journal: Path | None, how: Format, dry_run: bool) -> None:
    from generify.tagging import MUSICBRAINZ_NAMES, undo
    from generify.tagging.journal import latest_journal

    kept = journal or latest_journal()
    genres = tuple(MUSICBRAINZ_NAMES.values())  # most likely; the journal is read as it is undone
    table = ChangeTable(how, journal=kept, dry_run=dry_run)
    table.show(undo(kept, dry_run=dry_run), genres=genres)


def _check_given(undo_run: bool, songs: bool) -> None:
    if undo_run and songs:
        raise ParameterError("--undo takes back a whole run", hint="give no songs with it")
    if not (undo_run or songs):
        raise ParameterError("no songs given", hint="give songs, folders of them or --from RESULTS")
