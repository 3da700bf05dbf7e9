"""Assessments through OpenAI: its SDK behind our Analyst port."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack
from typing import BinaryIO, TypeVar, cast

import httpx2
from openai import APIError, APIStatusError, APITimeoutError, AsyncOpenAI, DefaultAioHttpClient
from pydantic import ValidationError

from clarion.domain.errors import NotFound
from clarion.providers.exchange import CONNECTIONS, LONGEST_CONNECT, checked_base
from clarion.providers.lead_ports import Analyst, BatchLine, BatchWord, Question, Reply, Slow
from clarion.providers.lenient import Read
from clarion.providers.openai_batches import (
    ENDPOINT,
    KEPT_SECONDS,
    NAME_KEY,
    Batch,
    File,
    Page,
    lines_of,
    read_line,
    write_lines,
)
from clarion.providers.openai_errors import Circumstances, refusal
from clarion.providers.openai_quota import patience, read_quota
from clarion.providers.openai_replies import error_body, read_body, reply, request_body
from clarion.providers.ports import ProviderError, Unavailable
from clarion.settings import Account

API = "https://api.openai.com"
PAGE_SIZE = 100
THINKING = 12.0
"""Times the account's timeout that an answer may take: a model thinks, and writes as long as it was allowed to."""
FILE_PATIENCE = 300.0
"""Seconds without a sign of life after which a file on its way is given up."""

T = TypeVar("T")
R = TypeVar("R", bound=Read)


async def open_openai(account: Account) -> OpenAiAnalyst:
    """Open an account's connection to OpenAI; nothing is sent yet. Raises BadInput when base_url is not an address."""
    base_url = checked_base(account.base_url or API, API).removesuffix("/v1") + "/v1"
    client = AsyncOpenAI(
        api_key=account.auth_token.get_secret_value(),
        base_url=base_url,
        max_retries=0,
        http_client=DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=CONNECTIONS),
            timeout=httpx2.Timeout(account.timeout, connect=_connecting(account.timeout)),
            trust_env=False,
            follow_redirects=False,
        ),
    )
    # The SDK takes these from the environment; only our settings decide.
    client.organization = client.project = None
    return OpenAiAnalyst(account, client, base_url)


class OpenAiAnalyst(Analyst):
    """Asks through one OpenAI project. Never retries by itself.

    Requests go through the SDK's general `post` and `get`: its typed methods take twice the processor time, and a
    question's body is the same in a batch.
    """

    def __init__(self, account: Account, client: AsyncOpenAI, base_url: str) -> None:
        self._timeout = account.timeout
        self._patience = httpx2.Timeout(self.timeout, connect=_connecting(account.timeout))
        self._file_patience = httpx2.Timeout(max(FILE_PATIENCE, self.timeout), connect=LONGEST_CONNECT)
        self._client = client
        self._base = base_url

    @property
    def timeout(self) -> float:
        """Seconds after which a question is given up."""
        return self._timeout * THINKING

    async def ask(self, question: Question) -> Reply:
        """Ask once. Raises RateLimited, Unavailable, AccountBroken, Rejected or Slow."""
        body = request_body(question)
        weight = max(question.max_output_tokens, (len(question.instructions) + len(question.lead)) // 4)
        try:
            request = self._client.post(
                "/responses", cast_to=httpx2.Response, body=body, options={"timeout": self._patience}
            )
            answer = await self._answer(request, within=self.timeout, tokens=weight)
        except _TooLate:
            raise Slow(f"OpenAI did not answer within {self.timeout:g} seconds.") from None
        return reply(read_body(answer.content), read_quota(answer.headers))

    async def upload(self, name: str, questions: Iterable[Question]) -> str:
        """Send the file of a batch; return its id. Raises also Rejected when it is larger than OpenAI takes."""
        with tempfile.TemporaryFile() as opened:
            file = cast("BinaryIO", opened)
            await asyncio.to_thread(write_lines, questions, file)
            file.seek(0)
            request = self._client.files.with_raw_response.create(
                file=(f"{name.replace('/', '_')}.jsonl", file, "application/jsonl"),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": KEPT_SECONDS},
                timeout=self._file_patience,
            )
            answer = await self._answer(request, within=math.inf, one_only=True)
        return _read(File, answer.http_response.content).id

    async def submit(self, name: str, file: str) -> BatchWord:
        """Begin a batch with the file; ``name`` goes along. Raises also Rejected when OpenAI does not take the file."""
        body = {
            "input_file_id": file,
            "endpoint": ENDPOINT,
            "completion_window": "24h",
            "metadata": {NAME_KEY: name},
            "output_expires_after": {"anchor": "created_at", "seconds": KEPT_SECONDS},
        }
        request = self._client.post("/batches", cast_to=httpx2.Response, body=body)
        return _read(Batch, (await self._answer(request, one_only=True)).content).word()

    async def find(self, name: str, since: float) -> BatchWord | None:
        """Look for a batch of this name that was begun after ``since`` (epoch seconds)."""
        after: dict[str, object] = {}
        while True:
            query = {"limit": PAGE_SIZE, **after}
            request = self._client.get("/batches", cast_to=httpx2.Response, options={"params": query})
            page = _read(Page, (await self._answer(request)).content)
            for batch in page.data:
                if (batch.metadata or {}).get(NAME_KEY) == name:
                    return batch.word()
            oldest = page.data[-1] if page.data else None
            if not page.has_more or oldest is None or (oldest.created_at or since) + 1 < since:
                return None
            after = {"after": oldest.id}

    async def look(self, reference: str) -> BatchWord:
        """Say how a batch stands. Raises also NotFound."""
        return (await self._batch(reference)).word()

    async def cancel(self, reference: str) -> None:
        """End a batch early; one that has ended already, or that there is none of, is left alone."""
        request = self._client.post(f"/batches/{reference}/cancel", cast_to=httpx2.Response)
        try:
            await self._answer(request, knows_none=frozenset({400, 404, 409}))
        except NotFound:
            return

    async def results(self, reference: str) -> AsyncIterator[BatchLine]:
        """Yield what has come of an ended batch, in flat memory. Raises as `look` does, at any line.

        Of a file that OpenAI keeps no longer nothing comes.
        """
        batch = await self._batch(reference)
        for file in (batch.output_file_id, batch.error_file_id):
            if file is None:
                continue
            async for line in lines_of(self._content(file)):
                found = read_line(line)
                if found is not None:
                    yield found

    async def check(self) -> None:
        """Prove that the credentials are accepted, at no cost. Raises ProviderError."""
        await self._answer(self._client.get("/models", cast_to=httpx2.Response))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _batch(self, reference: str) -> Batch:
        request = self._client.get(f"/batches/{reference}", cast_to=httpx2.Response)
        return _read(Batch, (await self._answer(request, knows_none=frozenset({404}))).content)

    async def _content(self, file: str) -> AsyncIterator[bytes]:
        opening = self._client.files.with_streaming_response.content(file, timeout=self._file_patience)
        async with AsyncExitStack() as stack:
            try:
                request = stack.enter_async_context(opening)
                answer = await self._answer(request, within=math.inf, knows_none=frozenset({404}))
            except NotFound:
                return
            try:
                async for chunk in answer.iter_bytes():
                    yield chunk
            except httpx2.HTTPError:
                raise Unavailable("The connection to OpenAI broke before a file had come.") from None

    async def _answer(
        self,
        request: Awaitable[T],
        *,
        within: float | None = None,
        tokens: int = 0,
        one_only: bool = False,
        knows_none: frozenset[int] = frozenset(),
    ) -> T:
        """Return a 2xx answer, ``within`` so many seconds, usually the account's timeout.

        Raises NotFound for statuses in ``knows_none``, else a ProviderError, and without a cause: the SDK's errors hold
        the whole request, the lead and the key with it.
        """
        failure: ProviderError | NotFound
        try:
            async with asyncio.timeout(within or self._timeout):
                return await request
        except APIStatusError as error:
            failure = _refused(error, tokens, one_only=one_only)
            if error.status_code in knows_none:
                failure = NotFound(f"OpenAI knows no such batch or file, or it has ended (HTTP {error.status_code}).")
        except APITimeoutError as error:
            failure = _late(error, self._base)
        except TimeoutError:
            failure = _TooLate("OpenAI did not answer in time.")
        except (APIError, httpx2.HTTPError):
            failure = Unavailable(f"OpenAI cannot be reached at {self._base}, or the connection broke.")
        except RuntimeError:
            if not self._client.is_closed():
                raise
            failure = Unavailable("The connection to OpenAI is closed: this process is ending.")
        raise failure


def _connecting(timeout: float) -> float:
    return min(LONGEST_CONNECT, timeout / 2)


class _TooLate(Unavailable):
    """The request left, and no answer came in time."""


def _late(error: APITimeoutError, base: str) -> Unavailable:
    """The SDK calls every failure of aiohttp's a timeout; its transport knows which it was."""
    if isinstance(error.__cause__, httpx2.ReadTimeout | httpx2.WriteTimeout):
        return _TooLate("OpenAI did not answer in time.")
    return Unavailable(f"OpenAI cannot be reached at {base}, or the connection broke.")


def _refused(error: APIStatusError, tokens: int, *, one_only: bool) -> ProviderError:
    headers = error.response.headers
    around = Circumstances(patience(headers, time.time()), read_quota(headers), tokens, one_only)
    return refusal(error.status_code, error_body(error.response.content), around)


def _read(kind: type[R], content: bytes) -> R:
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        raise Unavailable("OpenAI's answer cannot be read.") from None
