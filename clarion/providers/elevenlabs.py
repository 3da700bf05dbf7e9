"""Phone calls through ElevenLabs' agents: its SDK behind our Dialer port."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Collection
from typing import TypeVar

import httpx
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.request_options import RequestOptions
from elevenlabs.types import ConversationInitiationClientDataRequestInput
from pydantic import BaseModel, ValidationError

from clarion.domain.attempt import Verdict
from clarion.domain.call import CallFacts, CallWord
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs_conversation import Conversation
from clarion.providers.elevenlabs_errors import NOT_FOUND, refusal, refused
from clarion.providers.elevenlabs_request import config_override, telephony, variables
from clarion.providers.exchange import checked_base, read_retry_after
from clarion.providers.httpx_transport import http_client
from clarion.providers.lenient import Maybe, Read
from clarion.providers.ports import AccountBroken, Dialer, OutcomeUnknown, OutgoingCall, ProviderError, Rejected
from clarion.settings import Account

API = "https://api.elevenlabs.io"
CLOCK_SLACK = 60.0
"""Seconds by which ElevenLabs' clock may be behind ours when a call is looked up."""
PAGE_SIZE = 100
ONCE: RequestOptions = {"max_retries": 0}
"""The SDK would send a create again after a 429 or 5xx, which may mean a second call."""
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What the SDK raises over a 2xx answer that is not what it should be."""

T = TypeVar("T")
R = TypeVar("R", bound=Read)


async def open_elevenlabs(account: Account) -> ElevenLabsDialer:
    """Open an account's connection to ElevenLabs; nothing is sent yet.

    Raises BadInput when base_url is not an address.
    """
    base_url = checked_base(account.base_url or API, API)
    http = http_client("ElevenLabs", base_url, account.timeout)
    client = AsyncElevenLabs(
        base_url=base_url,
        api_key=account.auth_token.get_secret_value(),
        timeout=account.timeout,
        httpx_client=http,
    )
    return ElevenLabsDialer(account, client, http)


class _Placed(Read):
    success: bool
    message: Maybe[str] = None
    conversation_id: Maybe[str] = None


class _Item(Read):
    conversation_id: str


class _Listed(Read):
    conversations: tuple[_Item, ...]


class ElevenLabsDialer(Dialer):
    """Places calls through one ElevenLabs workspace. Never retries by itself."""

    def __init__(self, account: Account, client: AsyncElevenLabs, http: httpx.AsyncClient) -> None:
        self._account = account
        self._http = http
        self._calls = client.conversational_ai.twilio
        self._conversations = client.conversational_ai.conversations

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        return self._account.timeout

    async def place(self, call: OutgoingCall) -> CallWord:
        """Place a call once; the word says `placed`, with ElevenLabs' conversation id.

        Raises RateLimited (also for too many calls at once), Unavailable, OutcomeUnknown, AccountBroken or Rejected.
        """
        agent, number = self._caller(call)
        request = self._calls.outbound_call(
            agent_id=agent,
            agent_phone_number_id=number,
            to_number=call.to,
            conversation_initiation_client_data=ConversationInitiationClientDataRequestInput(
                conversation_config_override=config_override(call),
                dynamic_variables=variables(call.script),
                user_id=call.attempt,
            ),
            telephony_call_config=telephony(call.machine),
            request_options=ONCE,
        )
        answer = await _answer(request, ours=agent == self._account.agent)
        placed = _read(_Placed, answer, "ElevenLabs took the call, and its answer cannot be read.")
        if not placed.success and not placed.conversation_id:
            meaning = "ElevenLabs could not have the call placed"
            raise Rejected(f"{meaning}.", refused(meaning, None, placed.message))
        if not placed.success or not placed.conversation_id:
            raise OutcomeUnknown("ElevenLabs' answer to a call contradicts itself.")
        verdict = Verdict(
            Outcome.PLACED, final=False, provider_reference=placed.conversation_id, provider_status="initiated"
        )
        return CallWord(verdict, CallFacts())

    async def look(self, reference: str) -> CallWord:
        """Say how a call stands. Raises as the port says."""
        return (await self._conversation(reference)).word()

    async def find(self, call: OutgoingCall, since: float, known: Collection[str]) -> CallWord | None:
        """Look for the call that carries this attempt; None: ElevenLabs has none. Raises as the port says."""
        request = self._conversations.list(
            user_id=call.attempt,
            call_start_after_unix=int(since - CLOCK_SLACK),
            page_size=PAGE_SIZE,
            request_options=ONCE,
        )
        try:
            listed = _read(_Listed, await _answer(request), "ElevenLabs' list of calls cannot be read.")
        except Rejected as error:
            raise OutcomeUnknown(f"ElevenLabs refused to list calls: {error}", code=error.code) from None
        for item in listed.conversations:
            if item.conversation_id not in known:
                conversation = await self._conversation(item.conversation_id)
                if conversation.attempt == call.attempt:
                    return conversation.word()
        return None

    async def hang_up(self, reference: str) -> bool:  # noqa: ARG002 -- the port's
        """Return False: ElevenLabs has no request that ends a call."""
        return False

    async def check(self) -> None:
        """Prove that the credentials are accepted, without calling anyone. Raises ProviderError."""
        await _answer(self._conversations.list(page_size=1, request_options=ONCE))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _caller(self, call: OutgoingCall) -> tuple[str, str]:
        """Return the ids of the agent and of the number that calls."""
        agent, number = call.script.agent or self._account.agent, self._account.phone_number_id
        if agent is None or number is None:
            raise AccountBroken("ElevenLabs needs an agent: set agent in the campaign's call, or for the account.")
        if call.sender not in {None, self._account.from_number, number}:
            raise AccountBroken(
                "ElevenLabs calls from the account's phone_number_id; take from_number out of the campaign."
            )
        return agent, number

    async def _conversation(self, reference: str) -> Conversation:
        try:
            answer = await _answer(self._conversations.get(reference, request_options=ONCE), knows_none=NOT_FOUND)
        except Rejected as error:
            raise OutcomeUnknown(f"ElevenLabs refused to describe a call: {error}", code=error.code) from None
        return _read(Conversation, answer, "ElevenLabs' description of a call cannot be read.")


def _read(shape: type[R], answer: object, complaint: str) -> R:
    """Read our part of what the SDK has made of an answer. It checks nothing: any of it may be of any type."""
    plain = answer.model_dump(warnings=False) if isinstance(answer, BaseModel) else answer
    try:
        return shape.model_validate(plain)
    except ValidationError:
        raise OutcomeUnknown(complaint) from None


async def _answer(request: Awaitable[T], *, ours: bool = False, knows_none: int | None = None) -> T:
    """Return what the SDK made of a 2xx answer.

    Raises NotFound for the status ``knows_none``, else a ProviderError, and without a cause: the SDK's error holds the
    vendor's text. ``ours``: the agent asked for is the account's.
    """
    failure: ProviderError | NotFound
    try:
        return await request
    except ApiError as error:
        failure = _refused(error, ours=ours)
        if error.status_code == knows_none:
            failure = NotFound(f"ElevenLabs knows no such call that could be asked for (HTTP {error.status_code}).")
    except UNREADABLE:
        failure = OutcomeUnknown("ElevenLabs gave no clear answer.")
    raise failure


def _refused(error: ApiError, *, ours: bool) -> ProviderError:
    detail = error.body.get("detail") if isinstance(error.body, dict) else None
    said = detail if isinstance(detail, dict) else {"message": detail}
    word, words = said.get("status"), said.get("message")
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return refusal(
        error.status_code or 0,
        word if isinstance(word, str) else None,
        ours=ours,
        retry_after=read_retry_after(headers.get("retry-after"), time.time()),
        vendor_text=words if isinstance(words, str) else None,
    )
