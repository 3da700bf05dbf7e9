"""What came of each variant of a campaign, and whether the difference is more than chance. Blocking.

Shares are 0 to 1, and money is in the account's currency.
"""

from __future__ import annotations

from collections.abc import Mapping

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.comparison import CONFIDENCE, Comparison, Judgement, Sample, compare, wilson
from clarion.domain.variant import Variant
from clarion.store.variants import VariantKey, VariantSums
from starter.looking import Looking, View

NO_VARIANTS = "this campaign says the same to everybody: it has no variants"


class VariantLine(View):
    """What came of one variant."""

    name: str
    share: float
    """Of the targets, as the weights have it."""
    books: Books
    """Its targets by state."""
    outcomes: dict[str, int]
    success_rate: float | None
    """succeeded / (succeeded + failed); null before the first result."""
    low: float | None
    """The success rate lies between this and the next, with a confidence of 95 % (Wilson's score interval)."""
    high: float | None
    attempts: int
    cost: float
    cost_per_success: float | None
    replies: int | None
    """People who answered a text, other than to stop; null where nobody is texted."""
    stops: int | None
    """People who answered that they want no more; null where nobody is texted."""


class VariantResults(View):
    """The variants of a campaign, side by side."""

    campaign_id: str
    name: str
    channel: Channel
    status: CampaignStatus
    variants: tuple[VariantLine, ...]
    """In the order of the campaign's file."""
    without: int
    """Targets that have none: what their rows say themselves goes before all variants, or nobody can be contacted."""
    confidence: float = CONFIDENCE
    judgement: Judgement | None
    """`different`: by more than chance would explain; `chance`; `too_few` are done. Null without variants."""
    best: str | None
    """The variant that does better than some other by more than chance would explain."""
    p_value: float | None
    """How often chance alone makes such a difference, corrected for the number of comparisons (Bonferroni)."""
    verdict: str
    """The same in a sentence."""


def variant_results(looking: Looking, campaign_id: str) -> VariantResults:
    """Tell what came of a campaign's variants. Raises NotFound."""
    campaign = looking.find(campaign_id)
    variants = campaign.spec.variants or ()
    sums = looking.store.variants.sums([campaign.ref.key] if variants else [])
    lines = variant_lines(campaign.ref.key, campaign.spec, sums)
    compared = compare([Sample(line.name, line.books.succeeded, line.books.failed) for line in lines])
    return VariantResults(
        campaign_id=campaign_id,
        name=campaign.name,
        channel=campaign.spec.channel,
        status=campaign.status,
        variants=lines,
        without=max(0, campaign.total - sum(line.books.total for line in lines)),
        judgement=compared.judgement if compared else None,
        best=compared.best if compared else None,
        p_value=compared.p_value if compared else None,
        verdict=_verdict(compared, campaign.status),
    )


def variant_lines(key: int, spec: CampaignSpec, sums: Mapping[VariantKey, VariantSums]) -> tuple[VariantLine, ...]:
    """Tell what came of each variant of a campaign, given what the store has added up."""
    variants = spec.variants or ()
    weights = sum(variant.weight for variant in variants)
    texts = spec.channel is Channel.SMS
    return tuple(
        _line(variant, variant.weight / weights, sums.get(VariantKey(key, variant.name), VariantSums()), texts=texts)
        for variant in variants
    )


def _line(variant: Variant, share: float, sums: VariantSums, *, texts: bool) -> VariantLine:
    books = Books.of(sum(sums.states.values()), {state.value: n for state, n in sums.states.items()})
    interval = wilson(books.succeeded, books.succeeded + books.failed)
    cost = sums.cost / 1e6
    return VariantLine(
        name=variant.name,
        share=round(share, 6),
        books=books,
        outcomes=dict(sorted(sums.outcomes.items(), key=lambda counted: (-counted[1], counted[0]))),
        success_rate=books.success_rate,
        low=round(interval.low, 4) if interval else None,
        high=round(interval.high, 4) if interval else None,
        attempts=sums.attempts,
        cost=round(cost, 6),
        cost_per_success=round(cost / books.succeeded, 6) if books.succeeded else None,
        replies=sums.replies if texts else None,
        stops=sums.stops if texts else None,
    )


def _verdict(compared: Comparison | None, status: CampaignStatus) -> str:
    if compared is None:
        return NO_VARIANTS
    so_far = "" if status.is_final else "so far, "
    return f"{so_far}{compared.sentence}"
