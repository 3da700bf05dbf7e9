"""Stands before every handler: a malformed signal, update or query is refused with a word in the log, never fatal.

Without it, one signal with a surplus argument fails the workflow task for ever and the campaign hangs.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception
from temporalio.worker import (
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

with workflow.unsafe.imports_passed_through():
    from workflows.words import reason_of


class Shield(Interceptor):
    """Put it among a worker's interceptors."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002 - the SDK's name
        """Return the part that runs inside workflows."""
        del input
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - the SDK's name
        try:
            await super().handle_signal(input)
        except Exception as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("signal %s was ignored: %s", input.signal, error)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 - the SDK's name
        try:
            super().handle_update_validator(input)
        except FailureError:
            raise
        except Exception as error:
            raise _refusal(input.update, error) from error

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        try:
            return await super().handle_update_handler(input)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            # The SDK's "Activity task failed" tells nothing to the person who asked.
            raise ApplicationError(reason_of(error), type="Refused", non_retryable=True) from error
        except FailureError:
            raise
        except Exception as error:
            if is_cancelled_exception(error) or isinstance(error, workflow.NondeterminismError):
                raise
            raise _refusal(input.update, error) from error


def _refusal(name: str, error: Exception) -> ApplicationError:
    return ApplicationError(f"{name} was refused: {error}", type="Refused", non_retryable=True)
