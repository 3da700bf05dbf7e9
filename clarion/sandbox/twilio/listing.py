"""Lists messages page by page in Twilio's envelope, with its filters."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from urllib.parse import parse_qsl, urlencode

from clarion.sandbox.twilio.errors import problem
from clarion.sandbox.twilio.messages import API_VERSION, Message, MessageLog
from clarion.sandbox.vendor import Answer

USUAL_SIZE = 50
LARGEST_SIZE = 1000
FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")
DATE_FORMATS = ("%Y-%m-%d %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S %Z")


@dataclass(frozen=True, slots=True)
class Span:
    """Epoch seconds between which a message was sent; one that was not sent yet is in the open span only."""

    start: float = float("-inf")
    end: float = float("inf")

    @property
    def open(self) -> bool:
        """Whether it excludes nothing."""
        return self == Span()


def list_messages(log: MessageLog, account_sid: str, query: str, now: float) -> Answer:
    """Answer ``GET /Messages.json``."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    try:
        size = min(max(int(asked.get("PageSize") or USUAL_SIZE), 1), LARGEST_SIZE)
        page = max(int(asked.get("Page") or 0), 0)
        span = _span(asked)
    except ValueError as error:
        return problem(20001, str(error))
    matching = (
        message
        for message in log.newest_first(asked.get("To") or None)
        if message.account.sid == account_sid
        and (not asked.get("From") or message.sender == asked["From"])
        and (span.open or (message.sent_at <= now and span.start <= message.sent_at < span.end))
    )
    found = _cut(matching, asked.get("PageToken", ""), page, size)
    base = f"/{API_VERSION}/Accounts/{account_sid}/Messages.json?"
    kept = [(name, asked[name]) for name in FILTERS if name in asked] + [("PageSize", str(size))]

    def uri(number: int, token: str = "") -> str:
        return base + urlencode([*kept, ("Page", str(number)), *([("PageToken", token)] if token else [])])

    shown, more = found[:size], len(found) > size
    start = page * size
    envelope = {
        "end": start + max(len(shown) - 1, 0),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1, f"PA{shown[-1].sid}") if more else None,
        "page": page,
        "page_size": size,
        "previous_page_uri": uri(page - 1, f"PB{shown[0].sid}") if page and shown else None,
        "start": start,
        "uri": uri(page, asked.get("PageToken", "")),
        "messages": [message.view(now) for message in shown],
    }
    return Answer(200, json.dumps(envelope).encode())


def _cut(matching: Iterator[Message], token: str, page: int, size: int) -> list[Message]:
    """Return one page and, if there is one, the first message after it."""
    mark = token[2:]
    if token.startswith("PB"):
        before: deque[Message] = deque(maxlen=size)
        for message in matching:
            if message.sid == mark:
                return [*before, message]
            before.append(message)
        return list(before)
    if token.startswith("PA"):
        for message in matching:
            if message.sid == mark:
                break
    else:
        matching = islice(matching, page * size, None)
    return list(islice(matching, size + 1))


def _span(asked: dict[str, str]) -> Span:
    """Read the three date filters. Raises ValueError with the value that cannot be read."""
    start, end = float("-inf"), float("inf")
    if text := asked.get("DateSent"):
        start, end = _moments(text)
    if text := asked.get("DateSent>"):
        start = max(start, _moments(text)[0])
    if text := asked.get("DateSent<"):
        end = min(end, _moments(text)[1])
    return Span(start, end)


def _moments(text: str) -> tuple[float, float]:
    """Return where the day or second that ``text`` names begins and where it is over."""
    at = _parsed(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(text) == len("2008-01-02") else timedelta(seconds=1)
    return at.timestamp(), (at + length).timestamp()


def _parsed(text: str) -> datetime:
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 -- the caller supplies UTC
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except ValueError as error:
        message = f"DateSent: {text}"
        raise ValueError(message) from error
