"""The examples that ship: made by the script beside them, usable, and with something of everything in them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.source import open_audience
from clarion.domain.campaign import CampaignSpec
from clarion.domain.target import SkipReason
from starter.campaign_file import read_campaign_file

EXAMPLES = Path(__file__).parents[3] / "examples"
NOW = 1_780_000_000.0


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    described = importlib.util.spec_from_file_location("make_audience", EXAMPLES / "make_audience.py")
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def checked(spec: CampaignSpec, file: Path | None = None) -> list[CheckedRow]:
    asked = spec.audience
    path = file or Path(asked.file)
    with open_audience(path, sheet=asked.sheet, delimiter=asked.delimiter, encoding=asked.encoding) as reader:
        checker = RowChecker(spec, reader.columns, NOW)
        return [checker.check(row) for row in reader.rows()]


def test_the_customers_are_what_the_script_makes(maker: ModuleType, tmp_path: Path) -> None:
    maker.write_audience(tmp_path / "again.csv", 600)
    assert (tmp_path / "again.csv").read_bytes() == (EXAMPLES / "customers.csv").read_bytes()


def test_the_customers_have_something_of_everything() -> None:
    rows = checked(read_campaign_file(EXAMPLES / "reminder.yaml"))
    reasons = Counter(row.skip for row in rows if row.skip)
    assert set(reasons) == {
        SkipReason.INVALID_PHONE,
        SkipReason.MISSING_PHONE,
        SkipReason.MISSING_VARIABLE,
        SkipReason.INVALID_TIME_ZONE,
        SkipReason.WRONG_CELL_COUNT,
    }
    numbers = Counter(row.address for row in rows if row.skip is None)
    assert numbers.total() - len(numbers) >= 2  # the same person twice, which the store finds out
    assert len(numbers) >= 500
    endings = Counter((number or "")[-4:] for number in numbers)
    assert all(endings[f"{ending}"] >= 2 for ending in range(9001, 9010))


@pytest.mark.parametrize("name", ["reminder", "quiet_hours", "own_texts", "calls"])
def test_every_example_can_be_started(name: str) -> None:
    rows = checked(read_campaign_file(EXAMPLES / f"{name}.yaml"))
    usable = [row for row in rows if row.skip is None]
    assert len(usable) >= 0.6 * len(rows)


def test_the_contacts_have_something_of_everything_that_calls_can_meet() -> None:
    rows = checked(read_campaign_file(EXAMPLES / "calls.yaml"))
    assert {row.skip for row in rows if row.skip} == {
        SkipReason.INVALID_PHONE,
        SkipReason.MISSING_PHONE,
        SkipReason.MISSING_VARIABLE,
        SkipReason.INVALID_TIME_ZONE,
    }
    numbers = [row.address or "" for row in rows if row.skip is None]
    assert len(numbers) - len(set(numbers)) == 1  # the same person twice, which the store finds out
    endings = {number[-4:] for number in numbers}
    assert {"9101", "9102", "9103", "9104", "9106", "9107", "9108", "9109", "9110", "9112"} <= endings


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
def test_clean_audiences_have_no_bad_row_no_magic_and_nobody_twice(
    maker: ModuleType, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"many.{form}"
    maker.write_audience(file, 3_000, seed=7, form=form, clean=True)
    rows = checked(read_campaign_file(EXAMPLES / "reminder.yaml"), file)
    assert [row.detail for row in rows if row.skip] == []
    assert len({row.address for row in rows}) == 3_000
    assert not any((row.address or "")[-4:] >= "9000" for row in rows)


def test_numbers_stay_different_beyond_the_first_block(maker: ModuleType) -> None:
    people = maker.People(3, clean=True, lines=True)
    block = len(maker.AREAS) * 9_000
    assert len({row[2] for row in people.rows(block + 1_000)}) == block + 1_000
