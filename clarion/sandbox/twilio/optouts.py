"""Twilio's own opt-out list: who said STOP to which sender, and the keywords that put people on it or off it."""

from __future__ import annotations

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})


def keyword(body: str) -> str | None:
    """Return STOP, START or HELP when the text is exactly such a word; "stop please" is not."""
    word = body.strip().upper()
    for name, words in (("STOP", STOP), ("START", START), ("HELP", HELP)):
        if word in words:
            return name
    return None


class OptOuts:
    """Pairs of person and sender; a sender is a number or a whole Messaging Service."""

    def __init__(self) -> None:
        self._senders: dict[str, set[str]] = {}

    def heard(self, person: str, sender: str, word: str | None) -> None:
        """Follow a keyword that a person wrote to a sender."""
        if word == "STOP":
            self._senders.setdefault(person, set()).add(sender)
        elif word == "START":
            self._senders.get(person, set()).discard(sender)

    def blocks(self, person: str, sender: str) -> bool:
        """Whether this person opted out of this sender."""
        return sender in self._senders.get(person, ())

    def any(self, person: str) -> bool:
        """Whether this person opted out of any sender."""
        return bool(self._senders.get(person))
