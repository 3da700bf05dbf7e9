"""Shares of successes compared: how exactly each is known, and whether two of them differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

CONFIDENCE = 0.95
Z = 1.959963984540054
"""Standard deviations on either side of the mean between which 95 % of a normal distribution lie."""

FEWEST_DONE = 30
"""Targets that must be done in each of two variants before anything is said about their difference."""

FEWEST_EXPECTED = 5.0
"""Successes and failures to be expected in each of two alike, below which the test is not to be trusted (Cochran)."""

_SMALLEST_SHOWN = 0.001


class Judgement(StrEnum):
    """What can be said about the differences between variants."""

    TOO_FEW = "too_few"
    CHANCE = "chance"
    """Chance alone would often make differences as large as these."""
    DIFFERENT = "different"
    """Some differ by more than chance would explain."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which two shares, 0 to 1, the real one lies, with a confidence of 95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of the targets of one variant that are done."""

    name: str
    succeeded: int
    failed: int

    @property
    def done(self) -> int:
        """How many are done."""
        return self.succeeded + self.failed

    @property
    def rate(self) -> float:
        """The share of successes, 0 to 1; 0 where nothing is done."""
        return self.succeeded / self.done if self.done else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the differences between variants mean."""

    judgement: Judgement
    best: str | None
    """Who does better than some other by more than chance would explain; None: nobody, as far as is known."""
    p_value: float | None
    """How often chance alone would make such a difference, corrected for the number of comparisons (Bonferroni)."""
    sentence: str


def wilson(succeeded: int, done: int) -> Interval | None:
    """Return Wilson's score interval for a share of successes; None where nothing is done (Wilson, 1927)."""
    if done <= 0:
        return None
    share, spread = succeeded / done, Z * Z / done
    middle = (share + spread / 2) / (1 + spread)
    reach = Z * math.sqrt(share * (1 - share) / done + spread / (4 * done)) / (1 + spread)
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def p_value(one: Sample, other: Sample) -> float | None:
    """Return how often chance alone would make two shares differ so much: the two-proportion z-test, two-sided.

    None where too few are done, or too few successes or failures are to be expected, for that to be said.
    """
    if min(one.done, other.done) < FEWEST_DONE:
        return None
    pooled = (one.succeeded + other.succeeded) / (one.done + other.done)
    if min(one.done, other.done) * min(pooled, 1 - pooled) < FEWEST_EXPECTED:
        return None
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / one.done + 1 / other.done))
    return math.erfc(abs(one.rate - other.rate) / deviation / math.sqrt(2))


def compare(samples: Sequence[Sample]) -> Comparison | None:
    """Say what the differences between two or more variants mean; None for fewer."""
    if len(samples) < 2:
        return None
    pairs = [
        (p, one, other) if one.rate >= other.rate else (p, other, one)
        for one, other in combinations(samples, 2)
        if (p := p_value(one, other)) is not None
    ]
    if not pairs:
        return Comparison(Judgement.TOO_FEW, None, None, _too_few(samples))
    corrected = [(min(1.0, p * len(pairs)), better, worse) for p, better, worse in pairs]
    clear = [(p, better, worse) for p, better, worse in corrected if p < 1 - CONFIDENCE]
    if not clear:
        least = min(p for p, _, _ in corrected)
        return Comparison(Judgement.CHANCE, None, least, _of_chance(samples, least, len(pairs)))
    best = max((better for _, better, _ in clear), key=lambda s: (sum(b is s for _, b, _ in clear), s.rate))
    beaten = {worse.name: p for p, better, worse in clear if better is best}
    p = max(beaten.values())
    others = [sample for sample in samples if sample.name in beaten]
    return Comparison(Judgement.DIFFERENT, best.name, p, _different(best, others, p, len(pairs)))


def _too_few(samples: Sequence[Sample]) -> str:
    fewest = min(sample.done for sample in samples)
    if fewest < FEWEST_DONE:
        done = ", ".join(f'"{sample.name}" {sample.done:,}' for sample in samples)
        return f"too few are done to compare ({done}); each needs at least {FEWEST_DONE}"
    return "too few succeeded, or too few failed, to compare; wait until more are done"


def _of_chance(samples: Sequence[Sample], p: float, pairs: int) -> str:
    rates = ", ".join(map(_rate, samples))
    return f"no difference that chance would not explain as well: {rates} ({_p(p, pairs)})"


def _different(best: Sample, others: Sequence[Sample], p: float, pairs: int) -> str:
    beaten = " and ".join(map(_rate, others))
    return f"{_rate(best)} does better than {beaten}, by more than chance would explain ({_p(p, pairs)})"


def _rate(sample: Sample) -> str:
    return f'"{sample.name}" with {100 * sample.rate:.1f} %'


def _p(p: float, pairs: int) -> str:
    shown = f"p < {_SMALLEST_SHOWN}" if p < _SMALLEST_SHOWN else f"p = {p:.3f}"
    return f"{shown}, corrected for {pairs} comparisons" if pairs > 1 else shown
