"""The books of an account's workflow: who asked for lanes, who was granted how many, and what each may be holding.

Nothing here waits or sends; the workflow does. Every word may be late, doubled or repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clarion.account_contracts import AccountLimits, AccountState, AccountTiming, Census, Holder, LaneNews
from clarion.contracts import LaneGrant, LaneRequest
from clarion.domain.share import Allotment, Standing, Wish, allot, bound_of, still_unseen, with_grant

LONGEST_CALL = 3700.0
"""Seconds a call may last when nobody has said how long: the longest that a campaign's file allows, and the ringing."""

CAMPAIGNS = 3
"""Campaigns that run at once when no limit is known."""


class Desk:
    """Keeps the books of one account in its state."""

    def __init__(self, name: str, state: AccountState, timing: AccountTiming) -> None:
        """``name``: the account's, for people."""
        self._timing = timing
        self._name = name
        self._state = state

    def hear(self, news: LaneNews, now: float) -> None:
        """Take note of a request; an older one than the last says nothing."""
        if news.settings != AccountLimits():
            self._state.settings = news.settings
        request = news.request
        known = self._state.holders.get(request.workflow_id)
        if known is None:
            grant = LaneGrant(number=request.seen, lanes=request.holds)
            self._keep(Holder(request=request, since=now, grant=grant, told=request.holds + request.excess))
        elif request.chain == known.request.chain and request.number > known.request.number:
            self._keep(_heard(known, request, now))
        elif request.chain != known.request.chain and request.born >= known.request.born:
            self._keep(_taken_over(known, request))

    def count(self, asked: Iterable[LaneRequest], census: Census, now: float) -> None:
        """Take note of a survey that was asked for these requests; whoever has spoken since is alive.

        Those that have not answered their last grant for so long are sent it again.
        """
        for request in asked:
            holder = self._state.holders.get(request.workflow_id)
            if holder is None or holder.request != request:
                continue
            if census.alive.get(request.workflow_id, True):
                self._keep(holder.model_copy(update={"owed": holder.request.seen < holder.grant.number}))
                continue
            died = holder.died or now
            calls = census.calls.get(request.workflow_id, 0)
            if now < died + self._timing.last_starts:
                calls = max(calls, holder.bound)
            elif now > died + (request.longest or LONGEST_CALL) + self._timing.last_calls:
                calls = 0  # the store may never learn how a call ended whose webhook was lost
            gone = {"alive": False, "died": died, "told": calls, "unseen": (), "owed": False}
            self._keep(holder.model_copy(update={**gone, "grant": LaneGrant(number=holder.grant.number)}))

    def settle(self, now: float) -> None:
        """Grant and take back lanes until what is granted is what should be; mark whom to tell."""
        limits = self._state.limits
        listening = now < self._state.listens_until
        seats = limits.campaigns or CAMPAIGNS
        allotment = allot(
            [_standing(holder) for holder in self._state.holders.values()],
            lanes=limits.lanes,
            seats=seats,
            listening=listening,
        )
        for campaign, holder in list(self._state.holders.items()):
            if _is_done(holder):
                del self._state.holders[campaign]
                continue
            reason = self._reason(holder, allotment, limits.lanes, listening=listening)
            runs = campaign in allotment.running
            grant = LaneGrant(lanes=allotment.lanes[campaign], queued=campaign in allotment.waiting, reason=reason)
            self._keep(_granted(holder.model_copy(update={"runs": runs}), grant))

    def owed(self) -> Sequence[str]:
        """Whom to tell what they may hold, by workflow id."""
        return [campaign for campaign, holder in self._state.holders.items() if holder.owed]

    def take(self, campaign: str) -> LaneGrant | None:
        """Return the grant that is to be sent now, if any is."""
        holder = self._state.holders.get(campaign)
        if holder is None or not holder.owed:
            return None
        self._keep(holder.model_copy(update={"owed": False}))
        return holder.grant

    def _keep(self, holder: Holder) -> None:
        bound = bound_of(holder.told, holder.unseen)
        self._state.holders[holder.request.workflow_id] = holder.model_copy(update={"bound": bound})

    def _reason(self, holder: Holder, allotment: Allotment, lanes: int, *, listening: bool) -> str:
        campaign = holder.request.workflow_id
        if campaign in allotment.waiting:
            before, running = allotment.waiting.index(campaign), len(allotment.running)
            turn = f"{before} {'wait' if before != 1 else 'waits'} before this one" if before else "this one is next"
            one = f"{running} {'campaigns run' if running != 1 else 'campaign runs'}"
            return f"{one} on account {self._name} already; {turn}"
        if campaign not in allotment.due or allotment.lanes[campaign] >= _wants(holder):
            return ""
        if listening:
            return f"account {self._name} was started again: it waits until every campaign has spoken"
        if allotment.awaited or allotment.lanes[campaign] < allotment.due[campaign]:
            return f"more lanes of account {self._name} come free as last calls end"
        others = len(allotment.running) - 1
        if others == 0:
            return f"account {self._name} has {lanes} lanes for calls"
        return f"{lanes} lanes of account {self._name} are shared with {others} other{'s' if others > 1 else ''}"


def _wants(holder: Holder) -> int:
    return holder.request.wants if holder.alive else 0


def _is_done(holder: Holder) -> bool:
    """Whether it can be forgotten. Not before it has seen its last grant: it would take the next one for that one."""
    seen = holder.request.seen >= holder.grant.number or not holder.alive
    return seen and _wants(holder) == 0 and holder.bound == 0


def _standing(holder: Holder) -> Standing:
    wish = Wish(holder.request.workflow_id, holder.request.priority, _wants(holder), holder.since)
    return Standing(wish, bound=holder.bound, runs=holder.runs)


def _heard(known: Holder, request: LaneRequest, now: float) -> Holder:
    """The holder after one more word of it. What it says it holds counts from the grants that it has seen."""
    grant = known.grant
    if request.seen >= grant.number:  # more than that was granted by an account that nobody remembers
        grant = grant.model_copy(update={"number": request.seen, "lanes": request.holds})
    return known.model_copy(
        update={
            "request": request,
            "grant": grant,
            "since": now if known.request.wants == 0 else known.since,
            "told": request.holds + request.excess,
            "unseen": still_unseen(known.unseen, request.seen),
            "owed": known.owed or request.seen < grant.number,
            "alive": True,
            "died": 0.0,
        }
    )


def _taken_over(known: Holder, request: LaneRequest) -> Holder:
    """The holder after its workflow has begun anew. What was granted before counts until the new one has answered."""
    grant = LaneGrant(number=max(known.grant.number, request.seen) + 1, lanes=request.holds)
    return known.model_copy(
        update={
            "request": request,
            "grant": grant,
            "told": max(known.bound, request.holds + request.excess),
            "unseen": with_grant(known.unseen, grant.number, grant.lanes),
            "owed": True,
            "alive": True,
            "died": 0.0,
        }
    )


def _granted(holder: Holder, grant: LaneGrant) -> Holder:
    """The holder with this grant, if it says anything new. Whoever wants nothing and has nothing is left in peace."""
    last = holder.grant
    same = (last.lanes, last.queued, last.reason) == (grant.lanes, grant.queued, grant.reason)
    if same or not holder.alive or (_wants(holder) == 0 and last.lanes == 0):
        return holder
    number = last.number + 1
    update = {"grant": grant.model_copy(update={"number": number}), "owed": True}
    return holder.model_copy(update={**update, "unseen": with_grant(holder.unseen, number, grant.lanes)})
