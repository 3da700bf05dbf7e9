"""What Temporal is told when something goes wrong: enough to act on, and nothing about anybody."""

from __future__ import annotations

import asyncio
import threading

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from activities.failures import as_failures, in_thread
from clarion.domain.errors import BadInput, Conflict, NotFound, Unreachable
from clarion.store.database import StoreError

PHONE = "+14155551234"


def fail(error: Exception) -> None:
    """Raise an error that has another one behind it."""
    try:
        _ = {"known": 1}[PHONE]
    except KeyError as cause:
        raise error from cause


async def failing(error: Exception) -> Failure:
    """Fail as an activity would, and return what would stand in the history."""
    try:
        async with as_failures():
            fail(error)
    except Exception as failure:  # noqa: BLE001 - whatever it became
        stored = Failure()
        converter = DataConverter.default
        converter.failure_converter.to_failure(failure, converter.payload_converter, stored)
        return stored
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (BadInput("no column"), True),
        (NotFound("no campaign"), True),
        (Conflict("somebody else"), False),
        (Unreachable("no database"), False),
        (StoreError("refused"), False),
    ],
)
async def test_our_errors_say_what_is_wrong_and_whether_a_retry_helps(error: Exception, final: bool) -> None:
    failure = await failing(error)
    assert failure.message == str(error)
    info = failure.application_failure_info
    assert (info.type, info.non_retryable) == (type(error).__name__, final)
    assert PHONE not in str(failure)


async def test_an_error_that_nobody_thought_of_tells_nothing_about_anybody(caplog: pytest.LogCaptureFixture) -> None:
    failure = await failing(ValueError(f"cannot text {PHONE}"))
    assert failure.message == "an unexpected ValueError; the worker's log has the details"
    assert PHONE not in str(failure)
    assert PHONE in caplog.text


async def test_a_failure_that_is_meant_for_temporal_goes_through() -> None:
    failure = await failing(ApplicationError("as it is", type="Meant"))
    assert (failure.message, failure.application_failure_info.type) == ("as it is", "Meant")


async def test_work_in_a_thread_has_ended_before_its_caller_is_cancelled() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()
        raise ValueError

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_in_a_thread_returns_and_raises() -> None:
    assert await in_thread(max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)
