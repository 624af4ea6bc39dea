"""Genres for a beets library: ``beet generify``, and on import.

beets finds its plugins in the namespace package ``beetsplug``, to which this module belongs; that
folder has no ``__init__.py``. Each song is judged by its own sound, and which genres it gets is
decided as :mod:`generify.tagging` decides it; database and files are written by beets alone.

On import the genres are set before beets moves the files, so that paths may hold them. A song
that cannot be heard is named and left as it is; an error in the configuration ends the import
before anything is imported.

In it: :class:`GenerifyPlugin`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import confuse
from beets import ui
from beets.plugins import BeetsPlugin

from generify import defaults
from generify.errors import Failure, GenerifyError
from generify.tagging import Reason, TagChange, TagOptions
from generify.tagging.choice import choose
from generify.tagging.vocabulary import name_in_tags

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item, Library

    from generify.model import GenreModel

__all__ = ["GenerifyPlugin"]

_FIELD = "genres"


class GenerifyPlugin(BeetsPlugin):  # type: ignore[misc]  # beets is not followed
    """Sets the genres of songs by their sound.

    Options, below ``generify`` in the configuration: ``auto``, ``force``, ``count``,
    ``title_case`` and ``pretend`` mean what they do for beets' own ``lastgenre``; ``model``,
    ``min_confidence`` and ``map`` what they do for ``generify tag``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "force": TagOptions.overwrite,
                "count": TagOptions.max_genres,
                "min_confidence": TagOptions.min_confidence,
                "model": defaults.MODEL,
                "map": {},
                "title_case": True,
                "pretend": TagOptions.dry_run,
            }
        )
        self._not_in_files: set[int] = set()  # songs being imported
        if self.config["auto"].get(bool):
            self.register_listener("import_begin", self._begin_import)
            self.import_stages = [self._judge_imported]
            self.register_listener("import_task_files", self._write_imported)

    def commands(self) -> Sequence[ui.Subcommand]:
        """Give the command.

        Returns
        -------
        sequence of Subcommand
            ``beet generify`` alone.
        """
        command = ui.Subcommand("generify", help="set genres by what songs sound like")
        command.parser.add_option(
            *("-p", "--pretend"), action="store_true", help="show what would be done, do nothing"
        )
        command.parser.add_option(
            *("-f", "--force"), action="store_true", help="songs that have a genre get another one"
        )
        command.parser.add_option(
            *("-F", "--no-force"), dest="force", action="store_false", help="they keep it (default)"
        )
        command.parser.add_option(
            *("-m", "--model"), metavar="MODEL", help="model file, or name of a bundled model"
        )
        command.func = self._run
        return [command]

    def _run(self, library: Library, options: Any, query: list[str]) -> None:
        self.config.set_args(vars(options))
        self._prepare()
        outcomes: Counter[str] = Counter()
        changed: list[Item] = []
        try:
            for item in library.items(query):
                outcome = self._judge(item)
                outcomes[self._in_short(outcome)] += 1
                if isinstance(outcome, TagChange) and outcome.changes:
                    item[_FIELD] = list(outcome.after)
                    ui.show_model_changes(item, fields=[_FIELD])
                    self._save(item, write=ui.should_write())
                    changed.append(item)
        finally:
            self._name_albums(changed)
        summary = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
        self._log.info("{}", summary or "no song matches")

    def _begin_import(self, session: ImportSession) -> None:
        self._prepare()

    def _judge_imported(self, session: ImportSession, task: ImportTask) -> None:
        changed: list[Item] = []
        for item in task.imported_items():
            outcome = self._judge(item)
            if isinstance(outcome, TagChange) and outcome.changes:
                self._log.info("{}: {}", item, ", ".join(outcome.after))
                item[_FIELD] = list(outcome.after)
                self._save(item, write=False)
                changed.append(item)
        self._name_albums(changed)
        self._not_in_files.update(item.id for item in changed if item.id)

    def _write_imported(self, session: ImportSession, task: ImportTask) -> None:
        """Write what beets does not: it leaves the files of songs imported as they are alone."""
        for item in task.imported_items():
            if item.id in self._not_in_files:
                self._not_in_files.remove(item.id)
                if session.config["write"].get(bool) and not task.apply:
                    self._save(item, write=True)

    def _prepare(self) -> None:
        """Find what is wrong with the configuration before anything is done."""
        with _for_beets():
            _ = self._options, self._model

    @cached_property
    def _options(self) -> TagOptions:
        return TagOptions(
            overwrite=self.config["force"].get(bool),
            min_confidence=self.config["min_confidence"].as_number(),
            max_genres=self.config["count"].get(int),
            vocabulary=self._vocabulary(),
            dry_run=self.config["pretend"].get(bool),
        )

    @cached_property
    def _model(self) -> GenreModel:
        from generify.model import load_model

        model = self.config["model"]
        is_file = model.as_str().endswith(".onnx")
        return load_model(model.as_filename() if is_file else model.as_str())

    def _vocabulary(self) -> Mapping[str, str]:
        names: Mapping[str, str] = self.config["map"].get(confuse.MappingValues(str))
        if not self.config["title_case"].get(bool):
            return names
        return {g: name_in_tags(g, {}).title() for g in self._model.genres} | dict(names)

    def _judge(self, item: Item) -> TagChange | Failure:
        """Decide on a song's genres, and say why it keeps what it has."""
        outcome = self._choose(item)
        if isinstance(outcome, Failure):
            named = outcome.path in outcome.message
            self._log.warning(
                "{}", outcome.message if named else f"{item.filepath}: {outcome.message}"
            )
        elif outcome.reason in (Reason.UNKNOWN, Reason.NOT_SURE):
            self._log.info("{}: {.reason}, left as it is", item, outcome)
        return outcome

    def _choose(self, item: Item) -> TagChange | Failure:
        from generify.scan import predict_songs

        path = str(item.filepath)
        before = tuple(item.get(_FIELD, with_album=False) or ())
        if before and not self._options.overwrite:
            return TagChange(path, before, before, Reason.HAS_GENRE)
        with _for_beets():
            (answer,) = predict_songs([path], self._model)
        return answer if isinstance(answer, Failure) else choose(answer, before, self._options)

    def _in_short(self, outcome: TagChange | Failure) -> str:
        if isinstance(outcome, Failure):
            return "failed"
        if not outcome.changes:
            return str(outcome.reason)
        return "would get a genre" if self._options.dry_run else "got a genre"

    def _save(self, item: Item, *, write: bool) -> None:
        if not self._options.dry_run:
            item.try_sync(write=write, move=False)

    def _name_albums(self, changed: Iterable[Item]) -> None:
        """Give the albums of changed songs the genres that most of their songs have."""
        if self._options.dry_run:
            return
        albums = {item.album_id: item.get_album() for item in changed}
        for album in filter(None, albums.values()):
            if self._options.overwrite or not album.get(_FIELD):
                genres = Counter(g for item in album.items() for g in item[_FIELD])
                album[_FIELD] = [g for g, _ in genres.most_common(self._options.max_genres)]
                album.store(inherit=False)


@contextmanager
def _for_beets() -> Iterator[None]:
    """Turn errors into what beets shows as one line."""
    try:
        yield
    except GenerifyError as err:
        # beets 2.7 has this error nowhere else; later versions do not export it from here
        raise ui.UserError(f"generify: {Failure.from_error('', err).message}") from err
