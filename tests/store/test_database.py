"""Connections, transactions and the schema, on both databases."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select, update

from clarion.domain.errors import BadInput, Conflict, Unreachable
from clarion.store import database as databases
from clarion.store import door_schema, lead_schema  # noqa: F401 - both add their tables
from clarion.store.database import Database, StoreError, storable
from clarion.store.migrate import current, migrate, require_schema
from clarion.store.schema import campaigns, metadata, suppressions, targets
from clarion.store.store import Store
from tests.store.scene import Scene


def test_the_migrations_make_the_schema_that_the_code_expects(store: Store) -> None:
    with store.database.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_index_of_the_schema_is_the_one_in_the_database(store: Store) -> None:
    """Alembic does not compare which rows a partial index holds."""
    with store.database.read() as connection:
        for table in metadata.sorted_tables:
            found = {index["name"]: index["dialect_options"] for index in inspect(connection).get_indexes(table.name)}
            for index in table.indexes:
                kind = connection.dialect.name
                wanted = index.dialect_options[kind]["where"]
                assert (wanted is None) == (f"{kind}_where" not in found[index.name]), index.name


def test_two_databases_are_set_up_at_the_same_time_by_one_process(tmp_path: Path) -> None:
    """Every check of a draft sets up a database of its own, and Alembic works on globals."""
    made = [Database(f"sqlite:///{tmp_path / name}.db") for name in ("a", "b", "c")]
    with ThreadPoolExecutor(len(made)) as threads:
        list(threads.map(migrate, made))
    for database in made:
        require_schema(database)
        database.close()


def test_a_database_is_set_up_once_by_whoever_comes_first(sqlite_file: str) -> None:
    first, second = Database(sqlite_file), Database(sqlite_file)
    with pytest.raises(Conflict, match="is not set up yet; run `clarion setup`"):
        require_schema(first)
    failures: list[Exception] = []

    def set_up(database: Database) -> None:
        try:
            migrate(database)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=set_up, args=(database,)) for database in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    require_schema(second)
    migrate(first)
    with first.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match="made by a newer Clarion"):
        migrate(first)
    with pytest.raises(Conflict, match="another version's schema"):
        require_schema(first)
    assert current(first) == {"9999"}
    first.close()
    second.close()


def test_an_address_that_is_none_is_refused() -> None:
    for address in ("nonsense", "oracle://x", "postgresql+nothing://x"):
        with pytest.raises(BadInput, match="is not one that Clarion knows"):
            Database(address)


def test_a_password_is_not_shown() -> None:
    database = Database("postgresql+psycopg://me:secret@127.0.0.1:1/x")
    assert "secret" not in database.address
    assert "secret" in database.url


def test_a_database_that_does_not_answer_is_unreachable(free_port: int, store: Store) -> None:
    database = Database(f"postgresql+psycopg://me:secret@127.0.0.1:{free_port}/x")
    with pytest.raises(Unreachable, match=rf"127.0.0.1:{free_port}/x cannot be reached") as caught:
        database.ping()
    assert "secret" not in str(caught.value)
    store.database.ping()


def test_a_file_that_is_locked_for_too_long_is_unreachable(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.05)
    one, other = Database(sqlite_file), Database(sqlite_file)
    with one.write(), pytest.raises(Unreachable, match="locked"), other.write():
        pass
    with other.write() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    one.close()
    other.close()


def test_what_the_database_refuses_goes_to_the_log_and_not_into_the_error(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    row = {"tenant": scene.tenant, "address": "+14155551234", "source": "person", "detail": "", "at": 1.0}
    scene.store.suppressions.add(scene.tenant, "+14155551234", "person", "", 1.0)
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(StoreError) as caught,
        scene.store.database.write() as connection,
    ):
        connection.execute(insert(suppressions).values(row))
    assert "+14155551234" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "refused a statement" in caplog.text


def test_a_write_that_fails_leaves_nothing(scene: Scene) -> None:
    class StopHere(Exception):
        pass

    def change_and_fail() -> None:
        with scene.store.database.write() as connection:
            connection.execute(update(campaigns).where(campaigns.c.key == scene.key).values(total=99))
            raise StopHere

    with pytest.raises(StopHere):
        change_and_fail()
    assert scene.total() == 3


def test_everything_in_a_read_is_of_one_moment(scene: Scene) -> None:
    with scene.store.database.read() as connection:
        total = select(campaigns.c.total).where(campaigns.c.key == scene.key)
        assert connection.execute(total).scalar() == 3
        scene.import_people(2)
        assert connection.execute(total).scalar() == 3
        rows = connection.execute(select(targets.c.position).where(targets.c.campaign_key == scene.key)).all()
        assert len(rows) == 3
    assert scene.total() == 5


def test_a_read_cannot_write_on_postgresql(postgres_database: str) -> None:
    database = Database(postgres_database)
    with pytest.raises(StoreError), database.read() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    database.close()


def test_work_that_can_be_done_again_need_not_be_durable(scene: Scene) -> None:
    with scene.store.database.write(durable=False) as connection:
        connection.execute(update(campaigns).where(campaigns.c.key == scene.key).values(total=7))
    assert scene.total() == 7


def test_a_connection_that_was_cut_is_replaced(postgres_database: str) -> None:
    database, other = Database(postgres_database), Database(postgres_database)

    def be_cut_off() -> None:
        with database.write() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with other.write() as executioner:
                executioner.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(Unreachable):
        be_cut_off()
    database.ping()
    database.close()
    other.close()


def test_texts_are_stored_without_what_a_database_refuses() -> None:
    assert storable("a\0b\0") == "ab"
    assert storable("plain") == "plain"
    assert storable("") == ""
    assert storable(None) is None


def test_sqlite_is_told_what_campaigns_look_like(sqlite_file: str) -> None:
    database = Database(sqlite_file)
    migrate(database)
    with database.read() as connection:
        known = set(connection.exec_driver_sql("SELECT tbl, idx FROM sqlite_stat1").all())
        indexes = {(t.name, i.name) for t in metadata.sorted_tables for i in t.indexes} - {
            ("receipts", "receipts_unapplied"),
            ("conversations", "conversations_of_campaign"),
        }
    keys = {(name, name) for name in ("targets", "attempts", "calls")}
    keys |= {(name, f"sqlite_autoindex_{name}_1") for name in ("leads", "assessments")}
    assert known == indexes | keys
    database.close()
