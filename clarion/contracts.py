"""What crosses the Temporal boundary: ids, counts and settings, never a target's data.

Fields are only ever added, each with a default, so that a running campaign survives every deploy.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.assessment import Mode
from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel, Priority


class Contract(BaseModel):
    """Base: frozen, and tolerant of fields that a newer version added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CampaignRef(Contract):
    """Which campaign."""

    tenant: str
    campaign_id: str
    key: int
    """The campaign's number in the store."""


class Pacing(Contract):
    """The limits that can change while a campaign runs; None leaves one as it is."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    concurrency: int | None = Field(None, ge=1, le=500)
    per_second: float | None = Field(None, gt=0)
    per_minute: float | None = Field(None, gt=0)
    per_hour: float | None = Field(None, gt=0)
    budget: float | None = Field(None, gt=0)


class Snapshot(Contract):
    """The campaign as the store sees it at ``as_of`` (epoch seconds)."""

    as_of: float = 0.0
    books: Books = Books()
    outcomes: dict[str, int] = {}
    per_minute: float = 0.0
    eta: float | None = None
    next_due_at: float | None = None
    """When the next target may be contacted or looked up, if any is waiting."""
    under_way: int = 0
    """Contacts that have been started and not answered by the provider yet; of calls, those that have not ended."""
    stages: dict[str, int] = {}
    """Calls under way by how far they have come; leads: all fetched, reused, assessed, submitted and written so far."""
    awaits_rows: bool = False
    """Another campaign may still send targets here."""
    unfetched: int = 0
    """Leads that have not been fetched."""
    in_batches: int = 0
    """Leads that are part of a batch which has not ended."""
    unwritten: int = 0
    """Assessed leads whose answers are still to be written back."""

    @property
    def nothing_left(self) -> bool:
        """Whether there is nothing to do and nothing to wait for."""
        return self.books.open == 0 and self.next_due_at is None and not self.awaits_rows


class LaneGrant(Contract):
    """How many lanes an account lets a campaign hold from now on."""

    number: int = 0
    """Counts up with every grant to a campaign; a later one replaces those before it."""
    lanes: int = 0
    queued: bool = False
    """The campaign waits for its turn to run at all."""
    reason: str = ""
    """Why there are fewer lanes than it would like."""


class LaneRequest(Contract):
    """What a campaign tells its account."""

    workflow_id: str
    chain: str
    """Tells one run of a campaign's workflow from the next, whatever has made it start again."""
    number: int
    """Counts up with every request of a chain; an older one that comes late says nothing."""
    campaign: CampaignRef
    name: str = ""
    priority: Priority = Priority.NORMAL
    wants: int = 0
    """Lanes it could use now. To want less is to give lanes back: a later wish for more has to be granted anew."""
    holds: int = 0
    """Lanes it may fill without asking: no more than its last grant, and than it wanted in any request since."""
    excess: int = 0
    """Lanes still busy beyond ``holds``, because calls in them have not ended."""
    seen: int = 0
    """Number of the last grant it has taken note of."""
    born: float = 0.0
    """Epoch seconds at which this life began: an older one that is heard late says nothing."""
    longest: float = 0.0
    """Seconds a single contact may last, if known: whoever ended without a word holds lanes no longer than that."""


class AccountRef(Contract):
    """Which account."""

    tenant: str
    account: str

    @property
    def workflow_id(self) -> str:
        """The id of its workflow in Temporal."""
        return f"account/{self.tenant}/{self.account}"


class CampaignState(Contract):
    """Everything a campaign workflow remembers, and all that continue-as-new carries over."""

    model_config = ConfigDict(frozen=False, extra="ignore")

    status: CampaignStatus = CampaignStatus.PREPARING
    reason: str = ""
    """Why the campaign is paused, cancelled or failed."""
    lanes: int = 5
    chunks_started: int = 0
    snapshot: Snapshot = Snapshot()
    files_imported: int = 0
    started: bool = False
    paused: bool = False
    cancelled: bool = False
    cancelled_at: float = 0.0
    """Epoch seconds."""
    by_temporal: bool = False
    """Cancelled through Temporal's own request: the workflow ends as cancelled there, too."""
    hang_up: bool = False
    """Calls under way are ended instead of waited for."""
    grant: LaneGrant = LaneGrant()
    """The last one of its account; means nothing where no account is asked."""
    requests: int = 0
    """Requests sent to its account."""
    wants: int = 0
    """Lanes it could use, as far as it knows."""
    fallback_started: bool = False
    then_started: bool = False
    uses_batches: bool | None = None
    """Whether leads are assessed in batches; None while that is not decided."""
    runs: int = 1


class Retry(Contract):
    """Which failed targets to try again; empty means every failure that another try can help."""

    outcomes: tuple[str, ...] = ()


class CampaignInput(Contract):
    """What a campaign workflow needs to know; the rest stands in the store."""

    campaign: CampaignRef
    channel: Channel = Channel.SMS
    name: str = ""
    lanes: int = 5
    chunk_size: int = 50
    """Targets per lane and chunk."""
    chunk_seconds: float = 30.0
    start_at: float | None = None
    """Epoch seconds; None starts at once."""
    file_ids: tuple[int, ...] = ()
    """Audience files still to be imported."""
    heartbeat_timeout: float = 6.0
    reopen: Retry | None = None
    """Started again after its end, to try these failures once more."""
    carried: CampaignState | None = None
    """What an earlier run handed over at continue-as-new."""
    account: AccountRef | None = None
    """The account that hands out lanes; None where nobody has to be asked."""
    priority: Priority = Priority.NORMAL
    longest: float = 0.0
    """Seconds a single contact may last; 0 for those that are over at once."""
    has_fallback: bool = False
    """Whether texts go to those who were not reached."""
    has_then: bool = False
    """Whether another campaign follows with some of the targets."""
    mode: Mode = Mode.LIVE
    """How leads are assessed."""
    within: float | None = None
    """Seconds after the start by which leads should be assessed."""
    writes_back: bool = False
    """Whether answers are written back to the CRM."""


class Firing(Contract):
    """A moment at which a campaign of a schedule begins."""

    template: CampaignRef
    at: float | None = None
    """Epoch seconds; None: when the schedule says that it is."""


class FiringReport(Contract):
    """What came of such a moment."""

    campaign_id: str = ""
    reason: str = ""
    """Why there is no campaign."""
    campaign: CampaignInput | None = None
    """What its workflow is to be given, while it has not been started."""


class ImportOrder(Contract):
    """Read one audience file into the store."""

    campaign: CampaignRef
    file_id: int


class ChunkOrder(Contract):
    """Contact up to ``size`` due targets with ``lanes`` lanes, for at most ``seconds``."""

    campaign: CampaignRef
    number: int
    lanes: int
    size: int
    seconds: float


class ChunkReport(Contract):
    """What one chunk came to, computed from the store so that a retried chunk reports the same whole."""

    number: int
    worked: int = 0
    """Targets this chunk took up, over all its attempts."""
    halt: str = ""
    """Why the whole campaign has to stop: the account is refused, the budget is spent."""
    snapshot: Snapshot = Snapshot()


class LeadOrder(Contract):
    """Fetch leads, look after their batches, or write answers back to them, for at most about ``seconds``."""

    campaign: CampaignRef
    seconds: float


class LeadReport(Contract):
    """How far the leads of a campaign have come."""

    worked: int = 0
    """Leads that something was done for."""
    halt: str = ""
    """Why the whole campaign has to stop."""
    closed: bool = False
    """It ended early, as the store takes nothing new of this campaign."""
    snapshot: Snapshot = Snapshot()


class SettleOrder(Contract):
    """Wait for receipts and due targets, at most ``seconds``."""

    campaign: CampaignRef
    seconds: float
    await_receipts: bool = True
    """False takes ``sent`` as the last word at once: the campaign was cancelled."""


class StatusChange(Contract):
    """Write the campaign's status where people look it up."""

    campaign: CampaignRef
    status: CampaignStatus
    reason: str = ""
    open: bool | None = None
    """Whether new contacts may start; None leaves it."""
    hang_up: bool = False
    """Whether calls under way are to be ended."""


class PacingChange(Contract):
    """New limits for a running campaign."""

    campaign: CampaignRef
    pacing: Pacing


class RetryOrder(Contract):
    """Make failed targets due again."""

    campaign: CampaignRef
    retry: Retry = Retry()


class Addition(Contract):
    """One more audience file, already uploaded to the store."""

    file_id: int


class Reply(Contract):
    """The answer to an update: what was done, and the campaign afterwards."""

    status: CampaignStatus
    message: str = ""
    changed: int = 0
    under_way: int = 0
