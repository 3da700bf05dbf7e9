"""Batches of questions, moved on step by step from what the store says: filled, sent, begun, watched, collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from activities.failures import in_thread
from activities.lead_errand import Closed, LeadErrand
from activities.lead_questions import Inquiry
from activities.lead_results import in_slices, take_in
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import NotFound
from clarion.providers.lead_ports import Analyst, BatchStage, BatchWord, Question
from clarion.providers.ports import Rejected
from clarion.store.batches import BatchRow, BatchState
from clarion.store.phases import Phase

MOST_LEADS = 10_000
"""In one batch. More would fit; smaller ones come back one after the other."""

MOST_BYTES, BYTES_OF_A_LEAD = 150_000_000, 4_000
"""Of one file, and what a lead's fields come to in it: long instructions make smaller batches."""

TOKENS_OF_A_LEAD = 500
"""What the fields of a lead come to, for the money that is set aside."""

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between two looks, which grow while nothing happens."""

CLOCK_SLACK = 60.0
"""Seconds by which the provider's clock may differ from ours."""

CROWDED_PAUSE, LONGEST_CROWDED_PAUSE = 60.0, 900.0
"""Seconds before a batch is begun again for which there was too much waiting already."""

MOST_CROWDED = 5
"""Tries at a batch that is refused so while no other of this campaign is under way: then it is too large by itself."""

ENDING = frozenset({CampaignStatus.CANCELLING, CampaignStatus.CANCELLED})


@dataclass(slots=True)
class LeadBatches(LeadErrand):
    """Looks after all batches of a campaign. Whoever is cut off at any step is followed by one who goes on from there.

    A batch is never begun twice: its number stands in the store before its file is sent, and the provider is asked for
    its name before it is begun, unless nobody can have begun it.
    """

    inquiry: Inquiry
    _cancelled: set[int] = field(default_factory=set, init=False)
    """Numbers of batches that the provider was asked to end early."""
    _crowded: dict[int, tuple[int, float]] = field(default_factory=dict, init=False)
    """Times that there was no room for a batch, and when (epoch seconds) it is tried again."""

    async def run(self, until: float) -> None:
        """Move batches on until there is none and none to be made, or until about ``until`` (epoch seconds)."""
        pause = FIRST_PAUSE
        while True:
            campaign = await in_thread(self.tools.store.campaigns.get, self.key)
            before, ending = self.worked, campaign.status in ENDING
            for row in await self._open():
                self.go_on()
                await self._move_on(row, is_open=campaign.open, ending=ending)
            if campaign.open and not self._crowded:
                await self._fill()
            if not campaign.open and not ending:
                message = "the campaign takes nothing new; batches under way go on"
                raise Closed(message)
            if not await self._open() or self.tools.clock() >= until:
                return
            pause = min(LONGEST_PAUSE, pause * 1.5) if self.worked == before else FIRST_PAUSE
            await self.rest(min(pause, max(0.0, until - self.tools.clock())))

    @property
    def _analyst(self) -> Analyst:
        return self.inquiry.analysing.analyst

    async def _open(self) -> list[BatchRow]:
        return await in_thread(self.tools.store.batches.open, self.key)

    def _name(self, row: BatchRow) -> str:
        return f"{self.campaign.tenant}/{self.campaign.campaign_id}/{row.number}"

    async def _fill(self) -> None:
        tokens = self.inquiry.input_tokens("") + TOKENS_OF_A_LEAD, self.inquiry.spec.max_output_tokens
        cost = self.inquiry.analysing.cost(*tokens, batch=True)
        most = min(MOST_LEADS, MOST_BYTES // (self.inquiry.same_bytes + BYTES_OF_A_LEAD))
        while row := await in_thread(self.tools.store.batches.fill, self.key, most, cost, self.tools.clock()):
            self.worked += row.leads
            self.go_on()
            await self._submit(row)

    async def _move_on(self, row: BatchRow, *, is_open: bool, ending: bool) -> None:
        if row.state is not BatchState.FILLED:
            await self._follow(row, is_open=is_open, ending=ending)
        elif ending:
            await self._drop(row)
        elif is_open:
            await self._submit(row)

    async def _submit(self, row: BatchRow) -> None:
        """Begin a batch that is filled, or find out that somebody has."""
        found, file = None, row.file
        try:
            if file is None:
                file = await self._analyst.upload(self._name(row), self._questions(row.number))
                looked_at = self.tools.clock()
                await in_thread(self.tools.store.batches.note_file, self.key, row.number, file)
            else:
                looked_at = self.tools.clock()
                found = await self._analyst.find(self._name(row), row.filled_at - CLOCK_SLACK)
            word = found or await self._begin(row, file, looked_at)
        except (Rejected, NotFound) as error:
            await self._end(row, f"it could not be begun: {error}")
            return
        await self._note_submitted(row, word)

    async def _begin(self, row: BatchRow, file: str, looked_at: float) -> BatchWord:
        """Begin a batch that nobody had begun at ``looked_at`` (epoch seconds), if that was just now."""
        while self.tools.clock() - looked_at > self.tools.timing.intent_slack:
            # This worker was frozen meanwhile, and another may have gone on.
            looked_at = self.tools.clock()
            if found := await self._analyst.find(self._name(row), row.filled_at - CLOCK_SLACK):
                return found
        return await self._analyst.submit(self._name(row), file)

    async def _note_submitted(self, row: BatchRow, word: BatchWord) -> None:
        noted = word.reference, word.status, self.tools.clock()
        await in_thread(self.tools.store.batches.note_submitted, self.key, row.number, *noted)

    async def _drop(self, row: BatchRow) -> None:
        """Give a batch up that was not begun, as far as we know."""
        found = None
        if row.file is not None:
            found = await self._analyst.find(self._name(row), row.filled_at - CLOCK_SLACK)
        if found is None:
            await self._end(row, "the campaign was cancelled before it was begun")
        else:
            await self._note_submitted(row, found)

    async def _follow(self, row: BatchRow, *, is_open: bool, ending: bool) -> None:
        """Look how a batch stands that was begun, and do what follows."""
        reference = row.provider_reference or ""
        try:
            word = await self._analyst.look(reference)
        except NotFound:
            await self._end(row, "the provider knows no such batch any more")
            return
        if word.status != row.provider_status:
            await in_thread(self.tools.store.batches.note_status, self.key, row.number, word.status)
        if word.stage is BatchStage.ENDED:
            await self._collect(row, word)
        elif word.stage is BatchStage.WORKING:
            if ending and row.number not in self._cancelled:
                await self._analyst.cancel(reference)
                self._cancelled.add(row.number)
        elif ending or not word.too_much:
            await self._end(row, f"it was not begun: {word.detail or word.status}")
        elif is_open:
            await self._begin_later(row, word)

    async def _begin_later(self, row: BatchRow, word: BatchWord) -> None:
        """Begin a batch again for which there was no room, after a while."""
        tries, at = self._crowded.get(row.number, (0, 0.0))
        now = self.tools.clock()
        if tries and now < at:
            return
        alone = len(await self._open()) == 1
        if alone and tries >= MOST_CROWDED:
            await self._end(row, f"it is too large: {word.detail or word.status}")
            return
        pause = min(LONGEST_CROWDED_PAUSE, CROWDED_PAUSE * 2.0 ** min(tries, 10))
        self._crowded[row.number] = tries + 1, now + pause
        if tries:
            # Whoever was cut off here before may have begun it: that one is not the one that is known.
            found = await self._analyst.find(self._name(row), row.submitted_at or row.filled_at)
            is_new = found is not None and found.reference != row.provider_reference
            again = found if found is not None and is_new else await self._begin_again(row)
            await self._note_submitted(row, again)

    async def _begin_again(self, row: BatchRow) -> BatchWord:
        return await self._analyst.submit(self._name(row), row.file or "")

    async def _collect(self, row: BatchRow, word: BatchWord) -> None:
        """Take in what has come of a batch that has ended; again, after a crash in between, it does no harm."""
        told = word.detail or word.status
        try:
            async for slice_ in in_slices(self._analyst.results(word.reference)):
                await take_in(self.tools, self.inquiry, self.key, slice_)
                self.go_on()
        except NotFound as error:
            told = f"its results are gone: {error}"
        await self._end(row, told)

    async def _end(self, row: BatchRow, detail: str) -> None:
        """Close a batch; what it leaves over is asked live."""
        left = await in_thread(self.tools.store.batches.end, self.key, row.number, self.tools.clock(), detail)
        self._crowded.pop(row.number, None)
        self.worked += row.leads
        await in_thread(self.note_phase, Phase.ASSESSED, row.leads - left, row.submitted_at or row.filled_at)

    def _questions(self, number: int) -> Iterator[Question]:
        for asked in self.tools.store.batches.questions(self.key, number):
            yield self.inquiry.question(str(asked.attempt), asked.fields_json, asked.tries - 1)
