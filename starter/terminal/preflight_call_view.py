"""How ``clarion check`` shows a call that would be made."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from clarion.domain.call import MachineRule
from clarion.domain.duration import format_duration
from starter.checking.preflight_call import CallPlan

LONGEST_TEXT = 240
LONGEST_VALUE = 40
MOST_VARIABLES = 12

_MACHINES = {
    MachineRule.HANG_UP: "hangs up",
    MachineRule.LEAVE_MESSAGE: "leaves the agent's own message",
    MachineRule.CONTINUE: "goes on as with a person",
}


def call_sample(plan: CallPlan) -> Table:
    """Show what the call is given, long texts shortened."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in _lines(plan):
        table.add_row(name, value)
    return table


def call_rate(plan: CallPlan, per_second: float) -> str:
    """Say how many calls begin a minute, and what keeps them from being more."""
    lasting = f"a call taken to last {format_duration(plan.assumed_seconds)}"
    per_minute = 60 * per_second
    rate = f"{round(per_minute, 1):g} calls a minute" if per_minute >= 1 else f"{60 * per_minute:.2g} calls an hour"
    if plan.decided_by == "concurrency":
        return f"{rate}: {plan.at_once} at once, {lasting}"
    return f"{rate}, as the limits say; up to {plan.at_once} at once, {lasting}"


def _lines(plan: CallPlan) -> Iterator[tuple[str, str]]:
    yield "says first", _shown(plan.first_message) or "what its agent says"
    if plan.prompt:
        yield "prompt", _shown(plan.prompt)
    if plan.context:
        yield "context", _shown(plan.context)
    yield "machines", f'"{_shown(plan.voicemail_message)}"' if plan.voicemail_message else _MACHINES[plan.machine]
    if plan.agent:
        yield "agent", plan.agent
    if plan.language:
        yield "language", plan.language
    if plan.variables:
        yield "variables", _variables(plan.variables)
    if plan.fallback_message:
        yield "else texted", _shown(plan.fallback_message)


def _variables(variables: dict[str, str]) -> str:
    shown = [f"{name}: {_shown(value, LONGEST_VALUE)}" for name, value in list(variables.items())[:MOST_VARIABLES]]
    more = len(variables) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more else [])])


def _shown(text: str | None, most: int = LONGEST_TEXT) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
