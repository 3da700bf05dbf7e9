"""Lists a resource page by page in Twilio's envelope, with its filters on dates; messages first of all."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from clarion.sandbox.twilio.errors import problem
from clarion.sandbox.twilio.messages import API_VERSION, Message, MessageLog
from clarion.sandbox.vendor import Answer, Json

USUAL_SIZE = 50
LARGEST_SIZE = 1000
DATE_FORMATS = ("%Y-%m-%d %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S %Z")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Span:
    """Epoch seconds between which something happened; what has not happened yet is in the open span only."""

    start: float = float("-inf")
    end: float = float("inf")

    @property
    def open(self) -> bool:
        """Whether it excludes nothing."""
        return self == Span()

    @staticmethod
    def asked(query: Mapping[str, str], name: str) -> Span:
        """Read the three filters on one date. Raises ValueError with the value that cannot be read."""
        start, end = float("-inf"), float("inf")
        if text := query.get(name):
            start, end = _moments(text, name)
        if text := query.get(f"{name}>"):
            start = max(start, _moments(text, name)[0])
        if text := query.get(f"{name}<"):
            end = min(end, _moments(text, name)[1])
        return Span(start, end)

    def holds(self, at: float | None, now: float) -> bool:
        """Whether what happened ``at`` is in it, seen from ``now``."""
        return self.open or (at is not None and at <= now and self.start <= at < self.end)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """How one kind of resource is listed."""

    name: str
    """As in the path: ``Messages``."""
    filters: tuple[str, ...]
    """Parameters that page links repeat."""
    sid: Callable[[Item], str]
    view: Callable[[Item], Json]

    def page(self, account_sid: str, asked: Mapping[str, str], matching: Iterator[Item]) -> Answer:
        """Answer with one page of what matches, newest first."""
        try:
            size = min(max(int(asked.get("PageSize") or USUAL_SIZE), 1), LARGEST_SIZE)
            number = max(int(asked.get("Page") or 0), 0)
        except ValueError as error:
            return problem(20001, str(error))
        token = asked.get("PageToken", "")
        found = self._cut(matching, token, number, size)
        base = f"/{API_VERSION}/Accounts/{account_sid}/{self.name}.json?"
        kept = [(name, asked[name]) for name in self.filters if name in asked] + [("PageSize", str(size))]

        def uri(page: int, token: str = "") -> str:
            return base + urlencode([*kept, ("Page", str(page)), *([("PageToken", token)] if token else [])])

        shown, more = found[:size], len(found) > size
        start = number * size
        envelope = {
            "end": start + max(len(shown) - 1, 0),
            "first_page_uri": uri(0),
            "next_page_uri": uri(number + 1, f"PA{self.sid(shown[-1])}") if more else None,
            "page": number,
            "page_size": size,
            "previous_page_uri": uri(number - 1, f"PB{self.sid(shown[0])}") if number and shown else None,
            "start": start,
            "uri": uri(number, token),
            self.name.lower(): [self.view(item) for item in shown],
        }
        return Answer(200, json.dumps(envelope).encode())

    def _cut(self, matching: Iterator[Item], token: str, page: int, size: int) -> list[Item]:
        """Return one page and, if there is one, the first item after it."""
        mark = token[2:]
        if token.startswith("PB"):
            before: deque[Item] = deque(maxlen=size)
            for item in matching:
                if self.sid(item) == mark:
                    return [*before, item]
                before.append(item)
            return list(before)
        if token.startswith("PA"):
            for item in matching:
                if self.sid(item) == mark:
                    break
        else:
            matching = islice(matching, page * size, None)
        return list(islice(matching, size + 1))


def list_messages(log: MessageLog, account_sid: str, query: str, now: float) -> Answer:
    """Answer ``GET /Messages.json``."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    try:
        sent = Span.asked(asked, "DateSent")
    except ValueError as error:
        return problem(20001, str(error))
    matching = (
        message
        for message in log.newest_first(asked.get("To") or None)
        if message.account.sid == account_sid
        and (not asked.get("From") or message.sender == asked["From"])
        and sent.holds(message.sent_at, now)
    )
    listing: Listing[Message] = Listing(
        name="Messages",
        filters=("To", "From", "DateSent", "DateSent<", "DateSent>"),
        sid=lambda message: message.sid,
        view=lambda message: message.view(now),
    )
    return listing.page(account_sid, asked, matching)


def _moments(text: str, name: str) -> tuple[float, float]:
    """Return where the day or second that ``text`` names begins and where it is over."""
    at = _parsed(text, name)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(text) == len("2008-01-02") else timedelta(seconds=1)
    return at.timestamp(), (at + length).timestamp()


def _parsed(text: str, name: str) -> datetime:
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
        message = f"{name}: {text}"
        raise ValueError(message) from error
