"""Whether an analysis of leads could be started on this installation: its two accounts, and what follows it."""

from __future__ import annotations

from collections.abc import Mapping

from clarion.domain.campaign import CampaignSpec, then_campaign
from clarion.settings import Provider, Settings

DOES: Mapping[Provider, str] = {Provider.OPENAI: "assesses leads", Provider.SALESFORCE: "knows leads"}
"""What accounts are good for that contact nobody."""

PREVIEW = "this-campaign"
"""Stands for the campaign's id where what follows it is only looked at."""

_SET_UP = {
    Provider.OPENAI: "and …__AUTH_TOKEN",
    Provider.SALESFORCE: "and a login: …__USERNAME, …__PASSWORD and …__SECURITY_TOKEN, for example",
}
_NEEDED_FOR = {Provider.OPENAI: "to assess leads", Provider.SALESFORCE: "to fetch leads"}


def accounts_of_leads(spec: CampaignSpec, settings: Settings) -> list[str]:
    """Say, one sentence each, why the accounts could neither fetch nor assess the campaign's leads."""
    wanted = [("account", spec.account, Provider.OPENAI)]
    if spec.lead is not None:
        wanted.append(("lead.account", spec.lead.account, Provider.SALESFORCE))
    return [said for key, name, provider in wanted if (said := _problem(key, name, provider, settings)) is not None]


def what_follows(spec: CampaignSpec) -> CampaignSpec | None:
    """Return the campaign that follows with some of the leads, as it would be made; None where none does.

    Raises BadInput.
    """
    return None if spec.then is None else then_campaign(spec, PREVIEW)


def _problem(key: str, name: str, provider: Provider, settings: Settings) -> str | None:
    what_for = f"{_NEEDED_FOR[provider]} it needs one with {provider}"
    found = settings.accounts.get(name)
    if found is None:
        known = ", ".join(sorted(settings.accounts)) or "none"
        prefix = f"CLARION_ACCOUNTS__{name.upper()}"
        return (
            f'{key}: account "{name}" is not set up (known: {known}), and {what_for}; '
            f"set {prefix}__PROVIDER={provider} {_SET_UP[provider]}, or rehearse with the sandbox: clarion up --sandbox"
        )
    if found.provider is provider:
        return None
    fitting = [other for other, account in sorted(settings.accounts.items()) if account.provider is provider]
    hint = f"name {' or '.join(fitting)}" if fitting else f"set up one with CLARION_ACCOUNTS__…__PROVIDER={provider}"
    return f'{key}: account "{name}" is with {found.provider}, and {what_for}; {hint} in {key}'
