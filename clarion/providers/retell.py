"""Phone calls through Retell: its SDK behind our Dialer port."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Collection
from typing import Protocol, cast

from pydantic import ValidationError
from retell import APIConnectionError, APIError, APIStatusError, AsyncRetell, omit
from retell.types.call_create_phone_call_params import AgentOverride

from clarion.domain.call import RING_SECONDS, CallWord, MachineRule, Script
from clarion.domain.errors import NotFound
from clarion.providers.exchange import checked_base, read_retry_after
from clarion.providers.httpx_transport import http_client
from clarion.providers.lenient import Read
from clarion.providers.ports import Dialer, OutcomeUnknown, OutgoingCall, ProviderError, Rejected
from clarion.providers.retell_call import METADATA_KEY, RetellCall
from clarion.providers.retell_errors import NO_SUCH_CALL, OVER, refusal
from clarion.settings import Account

API = "https://api.retellai.com"
SHORTEST_CALL_MS = 60_000
LONGEST_CALL_MS = 7_200_000
"""Retell takes nothing outside these as the longest duration of a call."""
PAGE_SIZE = 50
SCRIPT_VARIABLES = ("prompt", "context", "first_message", "language")
"""Parts of a script that also go along as variables: Retell lets no call bring a prompt of its own."""


async def open_retell(account: Account) -> RetellDialer:
    """Open an account's connection to Retell; nothing is sent yet. Raises BadInput when base_url is not an address."""
    base_url = checked_base(account.base_url or API, API)
    client = AsyncRetell(
        api_key=account.auth_token.get_secret_value(),
        base_url=base_url,
        timeout=account.timeout,
        max_retries=0,
        http_client=http_client("Retell", base_url, account.timeout),
    )
    return RetellDialer(account, client)


class _Listed(Read):
    items: tuple[RetellCall, ...]


class _Answer(Protocol):
    """What the SDK hands back of an answer that is not to be parsed by it."""

    async def text(self) -> str: ...


class RetellDialer(Dialer):
    """Places calls through one Retell workspace. Never retries by itself."""

    def __init__(self, account: Account, client: AsyncRetell) -> None:
        self._account = account
        self._client = client
        self._calls = client.call.with_raw_response

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        return self._account.timeout

    async def place(self, call: OutgoingCall) -> CallWord:
        """Place a call once; the word says `placed`, with Retell's call id.

        Raises RateLimited (also for too many calls at once), Unavailable, OutcomeUnknown, AccountBroken or Rejected.
        """
        agent = call.script.agent or self._account.agent
        request = self._calls.create_phone_call(
            from_number=call.sender or self._account.from_number or "",
            to_number=call.to,
            override_agent_id=agent or omit,
            agent_override=agent_override(call),
            retell_llm_dynamic_variables=variables(call.script),
            metadata={METADATA_KEY: call.attempt},
            idempotency_key=call.attempt,
        )
        sender_is_ours = call.sender in {None, self._account.from_number}
        text = await _answer(request, ours=sender_is_ours and agent == self._account.agent)
        return _read(text, "Retell took the call, and its answer cannot be read.").word()

    async def look(self, reference: str) -> CallWord:
        """Say how a call stands. Raises as the port says."""
        try:
            text = await _answer(self._calls.retrieve(reference), knows_none=NO_SUCH_CALL)
        except Rejected as error:
            raise OutcomeUnknown(f"Retell refused to describe a call: {error}", code=error.code) from None
        return _read(text, "Retell's description of a call cannot be read.").word()

    async def find(
        self,
        call: OutgoingCall,
        since: float,  # noqa: ARG002 -- our id is enough, and a call has no time before it is answered
        known: Collection[str],
    ) -> CallWord | None:
        """Look for the call that carries this attempt; None: Retell has none. Raises as the port says."""
        try:
            text = await _answer(
                self._calls.list(
                    filter_criteria={
                        "metadata": [{"type": "string", "op": "eq", "key": METADATA_KEY, "value": call.attempt}]
                    },
                    limit=PAGE_SIZE,
                    sort_order="ascending",
                )
            )
            items = _Listed.model_validate_json(text).items
        except Rejected as error:
            raise OutcomeUnknown(f"Retell refused to list calls: {error}", code=error.code) from None
        except ValidationError:
            raise OutcomeUnknown("Retell's list of calls cannot be read.") from None
        ours = [item.call_id for item in items if item.attempt == call.attempt and item.call_id not in known]
        return await self.look(ours[0]) if ours else None

    async def hang_up(self, reference: str) -> bool:
        """End a call; one that is over already counts as ended. Raises as the port says."""
        try:
            await _answer(self._calls.stop(reference), knows_none=OVER)
        except NotFound:
            return True
        except Rejected as error:
            raise OutcomeUnknown(f"Retell refused to end a call: {error}", code=error.code) from None
        return True

    async def check(self) -> None:
        """Prove that the credentials are accepted, without calling anyone. Raises ProviderError."""
        await _answer(self._client.concurrency.with_raw_response.retrieve())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def agent_override(call: OutgoingCall) -> AgentOverride:
    """Return what this call changes about its agent; what the script leaves open stays as the agent has it."""
    script = call.script
    agent: dict[str, object] = {
        "max_call_duration_ms": min(max(round(call.longest * 1000), SHORTEST_CALL_MS), LONGEST_CALL_MS),
        "ring_duration_ms": round(RING_SECONDS * 1000),
    }
    if script.language:
        agent["language"] = script.language
    match call.machine:
        case MachineRule.HANG_UP:
            agent["voicemail_option"] = {"action": {"type": "hangup"}}
        case MachineRule.CONTINUE:
            agent["voicemail_option"] = None
        case MachineRule.LEAVE_MESSAGE if script.voicemail_message:
            agent["voicemail_option"] = {"action": {"type": "static_text", "text": script.voicemail_message}}
        case MachineRule.LEAVE_MESSAGE:
            pass
    opening = {"retell_llm": {"begin_message": script.first_message}} if script.first_message else {}
    return cast("AgentOverride", {"agent": agent, **opening})


def variables(script: Script) -> dict[str, str]:
    """Return the dynamic variables of a call: the row's, and the script's own parts by their names."""
    parts = {name: getattr(script, name) for name in SCRIPT_VARIABLES}
    return {**script.variables, **{name: text for name, text in parts.items() if text}}


def _read(text: str, complaint: str) -> RetellCall:
    try:
        return RetellCall.model_validate_json(text)
    except ValidationError:
        raise OutcomeUnknown(complaint) from None


async def _answer(request: Awaitable[_Answer], *, ours: bool = False, knows_none: Collection[int] = ()) -> str:
    """Return the body of a 2xx answer.

    Raises NotFound for statuses in ``knows_none``, else a ProviderError, and without a cause: the SDK's errors hold the
    whole request. ``ours``: the agent and the sender asked for are the account's.
    """
    failure: ProviderError | NotFound
    try:
        return await (await request).text()
    except APIStatusError as error:
        failure = _refused(error, ours=ours)
        if error.status_code in knows_none:
            failure = NotFound(f"Retell knows no such call that could be asked for (HTTP {error.status_code}).")
    except APIConnectionError as error:
        failure = _broken(error)
    except APIError:
        failure = OutcomeUnknown("Retell gave no clear answer.")
    raise failure


def _refused(error: APIStatusError, *, ours: bool) -> ProviderError:
    body = error.body
    words = body.get("message") if isinstance(body, dict) else None
    wait = read_retry_after(error.response.headers.get("Retry-After"), time.time())
    text = words if isinstance(words, str) else None
    return refusal(error.status_code, ours=ours, retry_after=wait, vendor_text=text)


def _broken(error: APIConnectionError) -> ProviderError:
    """Our transport says what happened; the SDK wraps it."""
    cause = error.__cause__
    return cause if isinstance(cause, ProviderError) else OutcomeUnknown("The connection to Retell broke.")
