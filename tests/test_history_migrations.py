"""The tables of the history: made from nothing or any version, refused when they are newer."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from databases import KINDS, engine_of, fresh_database, keep, prediction
from generify.errors import HistoryError, MissingExtraError
from generify.history import open_history, upgrading
from generify.history.schema import METADATA

OLD_VERSIONS = (None, *upgrading.REVISIONS[:-1])
PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database(request.param, tmp_path, bare=True) as made:
        yield made


def scripts() -> ScriptDirectory:
    return ScriptDirectory(str(upgrading._SCRIPTS))


def make_version(url: str, version: str | None, *, stamped: bool = True) -> None:
    """Make the tables of a version, with Alembic alone."""
    if version is None:
        return
    found = list(scripts().iterate_revisions(version, "base"))
    with engine_of(url).begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": upgrading._VERSION_TABLE}
        )
        with Operations.context(context):
            for script in reversed(found):
                script.module.upgrade()
        if stamped:
            context.stamp(scripts(), version)


def insert_by_hand(url: str) -> None:
    """Put in an answer as the first version kept it."""
    rows = (
        "INSERT INTO generify_songs (id, recording, path, path_key, duration) "
        "VALUES (1, 'abc', '/a.mp3', 'k', 30.5)",
        "INSERT INTO generify_runs (id, {key}, started, command, model, model_version, "
        "program_version) VALUES (1, 'r', '2025-01-02 03:04:05.678', 'predict', 'western', '1', "
        "'0.1')",
        "INSERT INTO generify_predictions (id, run_id, song_id, {key}, predicted, model, "
        "model_version, genre, confidence, newest, path, folded, genres, styles) VALUES (1, 1, 1, "
        "'k', '2025-01-02 03:04:05.678', 'western', '1', 'jazz', 0.75, {true}, '/a.mp3', "
        "'/a.mp3', '{{\"jazz\": 0.75, \"rock\": 0.25}}', '{{}}')",
    )
    engine = engine_of(url)
    names = {"key": engine.dialect.identifier_preparer.quote_identifier("key"), "true": "true"}
    with engine.begin() as connection:
        for row in rows:
            connection.exec_driver_sql(row.format(**names))


def differences(url: str) -> list[Any]:
    """What Alembic finds to be different from the tables that the program works with."""

    def ours(thing: Any, name: str | None, kind: str, reflected: bool, _: Any) -> bool:
        if kind == "index" and name in {
            "generify_predictions_newest",
            "generify_predictions_whole",
        }:
            return str(name).endswith("whole") == url.startswith("sqlite")
        return not (kind == "table" and not str(name).startswith("generify_"))

    with engine_of(url).connect() as connection:
        options = {
            "version_table": upgrading._VERSION_TABLE,
            "include_object": ours,
            "compare_type": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        found: list[Any] = compare_metadata(context, METADATA)
        return found


def test_the_program_works_with_the_last_revision() -> None:
    found = [script.revision for script in scripts().walk_revisions()]
    assert tuple(reversed(found)) == upgrading.REVISIONS
    assert len(found) >= 2


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_from_every_version(url: str, version: str | None) -> None:
    make_version(url, version)
    if version is not None:
        assert differences(url)
        insert_by_hand(url)
    with open_history(url) as history:
        n_before = 0 if version is None else 1
        assert history.count() == n_before
        if version is not None:
            (entry,) = history.search()
            assert (entry.path, entry.genre, entry.duration) == ("/a.mp3", "jazz", 30.5)
            assert entry.when.isoformat() == "2025-01-02T03:04:05.678000+00:00"
            assert entry.genres == {"jazz": 0.75, "rock": 0.25}
        keep(history, prediction("/b.mp3"))
        history.correct("/b.mp3", "folk")
        assert history.count() == n_before + 1
    assert differences(url) == []
    with open_history(url) as history:  # nothing is left to do
        assert history.count() == n_before + 1


@pytest.mark.parametrize("version", upgrading.REVISIONS)
def test_a_migration_that_was_cut_off_is_gone_on_with(url: str, version: str) -> None:
    """Tables are there and the version is not: a server without transactions for tables."""
    if url.startswith("sqlite"):
        pytest.skip("SQLite changes tables in transactions")
    make_version(url, version, stamped=False)
    with engine_of(url).begin() as connection:
        indexes = METADATA.tables["generify_songs"].indexes
        lost = next(index for index in indexes if index.name == "generify_songs_path")
        connection.execute(sa.schema.DropIndex(lost))
    with open_history(url) as history:
        keep(history, prediction("/a.mp3"))
    assert differences(url) == []


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"
    make_version(url, "1")
    insert_by_hand(url)
    really_stamp = MigrationContext.stamp

    def stamp(self: MigrationContext, *given: Any) -> None:
        really_stamp(self, *given)
        raise sa.exc.InvalidRequestError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(MigrationContext, "stamp", stamp)
        with pytest.raises(HistoryError, match="cannot be used: no more"):
            open_history(url)
    with engine_of(url).connect() as connection:
        assert "generify_corrections" not in sa.inspect(connection).get_table_names()
    with open_history(url) as history:
        assert history.count() == 1


def shape(url: str) -> dict[str, Any]:
    """Tables of the history as the database itself tells them."""
    with engine_of(url).connect() as connection:
        seen = sa.inspect(connection)
        return {
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)],
                seen.get_pk_constraint(table)["constrained_columns"],
                sorted(
                    (k["constrained_columns"], k["referred_table"])
                    for k in seen.get_foreign_keys(table)
                ),
                {i["name"]: (i["column_names"], i["unique"]) for i in seen.get_indexes(table)},
            )
            for table in METADATA.tables
        }


def test_migrations_leave_what_the_schema_declares(url: str) -> None:
    """To the kind of database: which indexes it can have differs."""
    with engine_of(url).begin() as connection:
        METADATA.create_all(connection)
    declared = shape(url)
    with engine_of(url).begin() as connection:
        METADATA.drop_all(connection)
    open_history(url).close()
    assert shape(url) == declared
    indexes = declared["generify_predictions"][3]
    assert ("generify_predictions_whole" in indexes) == url.startswith("sqlite")
    assert ("generify_predictions_newest" in indexes) == (not url.startswith("sqlite"))


def test_without_alembic_only_tables_of_this_version_can_be_used(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "alembic.migration", None)
        with pytest.raises(MissingExtraError, match="this needs alembic") as caught:
            open_history(url)
        assert caught.value.hint == "pip install 'generify[history]'"
    with engine_of(url).connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    open_history(url).close()
    monkeypatch.setitem(sys.modules, "alembic.migration", None)
    with open_history(url) as history:
        assert keep(history, prediction("/a.mp3")) == 1


@pytest.mark.parametrize("url", ["mariadb"], indirect=True)
def test_two_programs_do_not_change_tables_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "_LOCK_SECONDS", 0)
    lock = f"'generify_{upgrading._LOCK}'"
    with engine_of(url).connect() as other:
        assert other.scalar(sa.text(f"SELECT get_lock({lock}, 1)")) == 1
        expected = r"^another program has been changing the tables of mysql://\S+ for 0 s\n"
        with pytest.raises(HistoryError, match=expected) as caught:
            open_history(url)
        assert caught.value.hint == "wait until it is done, then run it again"
        assert sa.inspect(other).get_table_names() == []
    # given back at once, not only when the connection ends
    with open_history(url), engine_of(url).connect() as other:
        assert other.scalar(sa.text(f"SELECT is_free_lock({lock})")) == 1


@pytest.mark.parametrize("version", ["3", "99", "c0ffee"])
def test_a_newer_version_is_refused(url: str, version: str) -> None:
    make_version(url, upgrading.REVISIONS[-1])
    with engine_of(url).begin() as connection:
        table = sa.table(upgrading._VERSION_TABLE, sa.column("version_num"))
        connection.execute(sa.update(table).values(version_num=version))
    expected = (
        "was made by a newer Generify: its tables have version "
        f"{version}, this program knows them up to {upgrading.REVISIONS[-1]}"
    )
    with pytest.raises(HistoryError, match=expected) as caught:
        open_history(url)
    assert caught.value.hint == "pip install --upgrade generify, or give another --database"


def test_a_wheel_carries_the_migrations(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    there = {f"generify/history/migrations/versions/{Path(s.path).name}"
             for s in scripts().walk_revisions()}  # fmt: skip
    assert there <= names
