"""What the holder of an API key may do."""

from __future__ import annotations

from enum import StrEnum


class Rights(StrEnum):
    """Each includes the ones before it."""

    READ = "read"
    """Look at everything of the tenant, personal data included."""
    OPERATE = "operate"
    """Start and steer campaigns, which reaches people and costs money."""
    ADMIN = "admin"
    """Manage keys, webhooks, accounts' limits, and take people off the do-not-contact list."""

    def allow(self, wanted: Rights) -> bool:
        """Say whether who has these may do what needs ``wanted``."""
        order = list(Rights)
        return order.index(self) >= order.index(wanted)
