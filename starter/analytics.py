"""How the campaigns of a tenant did over the last days: by channel, hour, day, campaign, text and variant. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TypeVar
from zoneinfo import ZoneInfo

from clarion.domain.call import SCRIPT_TEXTS, SCRIPT_WORDS
from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.comparison import wilson
from clarion.domain.target import TargetState
from clarion.domain.versions import versions
from clarion.domain.window import require_zone
from clarion.store.analytics import CampaignSums, Contacts, Result, Scope
from clarion.store.variants import VariantKey, VariantSums
from starter.analytics_views import (
    Analytics,
    Asked,
    AttemptSums,
    CampaignResult,
    ChannelLine,
    DayLine,
    HourLine,
    Sums,
    TextResult,
    VariantResult,
    WeekdayLine,
)
from starter.looking import Looking
from starter.variants import variant_lines

MOST_CAMPAIGNS = 200
"""The newest campaigns that are told one by one, and whose texts are compared."""
LONGEST_SAMPLE = 120
"""Characters shown of a text."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Line = TypeVar("Line", bound=Sums)
Key = TypeVar("Key")
Spoken = tuple[Channel, tuple[str, ...]]
"""What a campaign or a variant says."""


@dataclass(slots=True)
class Tally:
    """Attempts or targets on their way to sums."""

    count: int = 0
    succeeded: int = 0
    failed: int = 0
    cost: int = 0
    """In millionths."""
    campaigns: dict[str, None] = field(default_factory=dict)
    """Ids, in the order in which they came."""

    def add(self, contacts: Contacts) -> None:
        """Count attempts."""
        self.count += contacts.count
        self.cost += contacts.cost
        self.succeeded += contacts.count * (contacts.result is Result.SUCCEEDED)
        self.failed += contacts.count * (contacts.result is Result.FAILED)

    def add_targets(self, states: Mapping[TargetState, int], cost: int, campaign_id: str = "") -> Tally:
        """Count targets; return the tally itself."""
        self.succeeded += states.get(TargetState.SUCCEEDED, 0)
        self.failed += states.get(TargetState.FAILED, 0)
        self.cost += cost
        self.campaigns[campaign_id] = None
        return self

    def as_line(self, kind: type[Line], **facts: object) -> Line:
        """Return what it comes to, with some facts of what it is about."""
        done, cost = self.succeeded + self.failed, self.cost / 1e6
        interval = wilson(self.succeeded, done)
        sums = {
            "attempts": self.count,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "success_rate": round(self.succeeded / done, 4) if done else None,
            "low": round(interval.low, 4) if interval else None,
            "high": round(interval.high, 4) if interval else None,
            "cost": round(cost, 6),
            "cost_per_success": round(cost / self.succeeded, 6) if self.succeeded else None,
        }
        return kind.model_validate({**sums, **facts})


def analytics(looking: Looking, asked: Asked) -> Analytics:
    """Tell how the campaigns of the last days did; reads all their attempts. Raises BadInput for what is no zone."""
    now, zone = looking.clock(), ZoneInfo(require_zone(asked.time_zone))
    today = _moment(now, zone).date()
    days = [today - timedelta(days=n) for n in reversed(range(asked.days))]
    since = datetime(days[0].year, days[0].month, days[0].day, tzinfo=zone).timestamp()
    scope = Scope(looking.tenant, since, asked.channel, asked.account)
    counted = looking.store.analytics.count(scope)
    newest = looking.store.analytics.campaigns(scope, MOST_CAMPAIGNS)
    sums = looking.store.variants.sums([one.key for one in newest if one.spec.variants is not None])
    contacts = looking.store.analytics.contacts(scope)
    return Analytics.model_validate(
        {
            **asked.model_dump(include={"time_zone", "channel", "account"}),
            **_of_attempts(contacts, zone, days, counted),
            "since": since,
            "until": now,
            "campaigns": tuple(map(_campaign, newest)),
            "more_campaigns": max(0, sum(counted.values()) - len(newest)),
            "variants": tuple(_variants(newest, sums)),
            "texts": _texts(newest, sums),
        }
    )


def _of_attempts(
    contacts: Sequence[Contacts], zone: ZoneInfo, days: Sequence[date], campaigns: Mapping[Channel, int]
) -> dict[str, object]:
    """Return the parts that count attempts, by name."""
    at = [(_moment(contact.at, zone), contact) for contact in contacts]
    whole = _by((None, contact) for contact in contacts).get(None, Tally())
    channels = _by((contact.channel, contact) for contact in contacts)
    hours = _by((then.hour, contact) for then, contact in at)
    weekdays = _by((then.weekday(), contact) for then, contact in at)
    dates = _by((then.date(), contact) for then, contact in at)
    return {
        "total": whole.as_line(AttemptSums),
        "channels": tuple(
            channels.get(channel, Tally()).as_line(ChannelLine, channel=channel, campaigns=n)
            for channel, n in sorted(campaigns.items())
        ),
        "hours": tuple(hours.get(hour, Tally()).as_line(HourLine, hour=hour) for hour in range(24)),
        "weekdays": tuple(
            weekdays.get(n, Tally()).as_line(WeekdayLine, weekday=name) for n, name in enumerate(WEEKDAYS)
        ),
        "days": tuple(dates.get(day, Tally()).as_line(DayLine, day=day) for day in days),
    }


def _by(contacts: Iterable[tuple[Key, Contacts]]) -> dict[Key, Tally]:
    found: dict[Key, Tally] = {}
    for key, contact in contacts:
        found.setdefault(key, Tally()).add(contact)
    return found


def _campaign(sums: CampaignSums) -> CampaignResult:
    return (
        Tally()
        .add_targets(sums.states, sums.cost)
        .as_line(
            CampaignResult,
            campaign_id=sums.campaign_id,
            name=sums.name,
            channel=sums.channel,
            account=sums.account,
            status=sums.status,
            started_at=sums.started_at,
            targets=sum(sums.states.values()),
            text=None if sums.spec.variants else _name(_spoken(sums.spec)),
        )
    )


def _variants(campaigns: Sequence[CampaignSums], sums: Mapping[VariantKey, VariantSums]) -> Iterator[VariantResult]:
    for one in campaigns:
        said = versions(one.spec)
        for line in variant_lines(one.key, one.spec, sums):
            facts = {"campaign_id": one.campaign_id, "campaign": one.name, "channel": one.channel}
            yield VariantResult.model_validate({**dict(line), **facts, "text": _name(_spoken(said[line.name]))})


def _texts(campaigns: Sequence[CampaignSums], sums: Mapping[VariantKey, VariantSums]) -> tuple[TextResult, ...]:
    """Compare what was said, over all campaigns and variants that said the same."""
    tallies: dict[Spoken, Tally] = {}
    for one in campaigns:
        for variant, said in versions(one.spec).items():
            tally = tallies.setdefault(_spoken(said), Tally())
            if variant is None:
                tally.add_targets(one.states, one.cost, one.campaign_id)
            else:
                found = sums.get(VariantKey(one.key, variant), VariantSums())
                tally.add_targets(found.states, found.cost, one.campaign_id)
    lines = [
        tally.as_line(
            TextResult, text=_name(spoken), channel=spoken[0], sample=_sample(spoken), campaigns=tuple(tally.campaigns)
        )
        for spoken, tally in tallies.items()
    ]
    return tuple(sorted(lines, key=lambda line: -(line.low or 0.0)))


def _spoken(spec: CampaignSpec) -> Spoken:
    if spec.call is not None:
        texts: tuple[str, ...] = tuple(getattr(spec.call, name) or "" for name in (*SCRIPT_TEXTS, *SCRIPT_WORDS))
    elif spec.assess is not None:
        texts = (spec.assess.instructions or "", spec.assess.model)
    else:
        texts = (spec.message or "",)
    return spec.channel, texts


def _name(spoken: Spoken) -> str:
    return sha256("\0".join((spoken[0], *spoken[1])).encode()).hexdigest()[:12]


def _sample(spoken: Spoken) -> str:
    """Return the beginning of the first thing said."""
    text = " ".join(next((text for text in spoken[1] if text), "").split())
    return text if len(text) <= LONGEST_SAMPLE else text[: LONGEST_SAMPLE - 1] + "…"


def _moment(at: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(zone)
