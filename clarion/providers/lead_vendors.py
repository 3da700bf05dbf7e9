"""Which vendor's classes serve an account of lead analyses; an SDK is imported only when an account needs it."""

from __future__ import annotations

from clarion.domain.errors import BadInput
from clarion.providers.lead_ports import Analyst, Crm
from clarion.settings import Account, Provider


def open_crm(account: Account) -> Crm:
    """Prepare an account's connection to its CRM; it logs in when it is first used. Raises BadInput."""
    if account.provider is not Provider.SALESFORCE:
        message = f"an account with {account.provider} knows no leads; give one with salesforce"
        raise BadInput(message)
    from clarion.providers.salesforce import open_salesforce

    return open_salesforce(account)


async def open_analyst(account: Account) -> Analyst:
    """Open an account's connection to its AI; nothing is asked yet. Raises BadInput."""
    if account.provider is not Provider.OPENAI:
        message = f"an account with {account.provider} assesses no leads; give one with openai"
        raise BadInput(message)
    from clarion.providers.openai import open_openai

    return await open_openai(account)
