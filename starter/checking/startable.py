"""Whether a campaign could be started on this installation: its words, its audience, its accounts. Contacts nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clarion.audience.checks import RowChecker
from clarion.audience.source import open_audience, require_rows
from clarion.domain.call import CALLERS, CallSpec
from clarion.domain.campaign import CampaignSpec, Channel, check_start
from clarion.domain.errors import BadInput
from clarion.domain.versions import versions
from clarion.settings import Account, Provider, Settings
from starter.checking.startable_leads import DOES, accounts_of_leads, what_follows

BUILT = (Channel.SMS, Channel.CALL, Channel.LEAD_ANALYSIS)
"""Channels that campaigns can be started on."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def check_startable(spec: CampaignSpec, settings: Settings, now: float) -> None:
    """Raise BadInput for what would stop a campaign before its first contact; ``now`` is in epoch seconds.

    Problems of accounts are said together, one sentence a line.
    """
    check_words(spec, now)
    check_audience(spec, now)
    if problems := account_problems(spec, settings):
        raise BadInput("\n".join(problems))


def check_words(spec: CampaignSpec, now: float) -> None:
    """Raise BadInput for a channel that is not built, and for a start in the past."""
    if spec.channel not in BUILT:
        message = f"channel {spec.channel} is not built yet; use {' or '.join(BUILT)}"
        raise BadInput(message)
    check_start(spec, now)


def check_audience(spec: CampaignSpec, now: float, name: str | None = None) -> None:
    """Open the audience and check its columns against the campaign, up to the first row. Raises BadInput.

    ``name`` is what the person calls the file, when it lies under another name.
    """
    source = spec.audience
    with open_audience(
        Path(source.file), name=name, sheet=source.sheet, delimiter=source.delimiter, encoding=source.encoding
    ) as reader:
        RowChecker(spec, reader.columns, now)
        require_rows(reader)


def account_problems(spec: CampaignSpec, settings: Settings) -> tuple[str, ...]:
    """Say, one sentence each, why the accounts of this installation could not serve the campaign."""
    if spec.channel is Channel.LEAD_ANALYSIS:
        child = what_follows(spec)
        after = () if child is None else account_problems(child, settings)
        return (*accounts_of_leads(spec, settings), *(f"then.campaign: {problem}" for problem in after))
    problems = _not_set_up(spec.account, settings)
    if not problems:
        account = settings.account(spec.account)
        problems = _cannot_text(spec.account, account) if spec.call is None else _cannot_call(spec, spec.call, account)
    return (*problems, *_of_fallback(spec, settings))


def _not_set_up(name: str, settings: Settings) -> list[str]:
    try:
        settings.account(name)
    except BadInput as error:
        return [str(error)]
    return []


def _cannot_text(name: str, account: Account) -> list[str]:
    if account.provider is Provider.TWILIO:
        return []
    does = DOES.get(account.provider, "only calls")
    return [f'account "{name}" is with {account.provider}, which {does}; name an account with twilio for texts']


def _of_fallback(spec: CampaignSpec, settings: Settings) -> list[str]:
    if spec.fallback is None:
        return []
    name = spec.fallback.account or spec.account
    if name not in settings.accounts:
        return [] if name == spec.account else [f"fallback.account: {_not_set_up(name, settings)[0]}"]
    provider = settings.account(name).provider
    if provider is Provider.TWILIO:
        return []
    why = f'account "{name}" is with {provider}, which {DOES.get(provider, "only calls")}'
    return [f"the texts of fallback cannot be sent: {why}; name an account with twilio in fallback.account"]


def _cannot_call(spec: CampaignSpec, call: CallSpec, account: Account) -> list[str]:
    if account.provider in DOES:
        does = f"which {DOES[account.provider]}"
        return [
            f'account "{spec.account}" is with {account.provider}, {does}; name one with {", ".join(CALLERS)} to call'
        ]
    problems = []
    if call.provider is not None and call.provider != account.provider:
        problems.append(
            f'call.provider is {call.provider}, and account "{spec.account}" is with {account.provider}; '
            f"name an account with {call.provider}, or correct call.provider"
        )
    return [*problems, *_number_problems(spec, call, account), *_speech_problems(spec, account)]


def _speech_problems(spec: CampaignSpec, account: Account) -> Iterator[str]:
    """Yield why calls would come to nothing; what is wrong with all variants is told once."""
    found = {
        name: list(_script_problems(said, said.call, account)) for name, said in versions(spec).items() if said.call
    }
    same = next(iter(found.values()), [])
    if all(problems == same for problems in found.values()):
        yield from same
        return
    yield from (f'variant "{name}": {problem}' for name, problems in found.items() for problem in problems)


def _number_problems(spec: CampaignSpec, call: CallSpec, account: Account) -> Iterator[str]:
    number = call.from_number
    match account.provider:
        case Provider.TWILIO if number is None and account.from_number is None:
            yield (
                f'account "{spec.account}" has a messaging service, from which nobody can call; '
                "give a number of the account in call.from_number"
            )
        case Provider.TWILIO | Provider.RETELL if number is not None and not _E164.fullmatch(number):
            yield f'call.from_number is "{number}"; write it with + and country code, such as +14155550100'
        case Provider.ELEVENLABS if number not in {None, account.from_number, account.phone_number_id}:
            yield "with elevenlabs calls come from the account's phone_number_id; leave call.from_number out"


def _script_problems(spec: CampaignSpec, call: CallSpec, account: Account) -> Iterator[str]:
    agent = spec.audience.agent or call.agent or account.agent
    speaks = spec.audience.first_message or call.first_message
    put_it = f"give call.agent, a column audience.agent, or CLARION_ACCOUNTS__{spec.account.upper()}__AGENT"
    match account.provider:
        case Provider.RETELL if not agent and not speaks:
            yield f"nobody would speak: the campaign has neither an agent nor a first_message; {put_it}"
        case Provider.ELEVENLABS if not agent:
            yield f"elevenlabs calls only with an agent, and none is named; {put_it}"
        case Provider.EXOTEL if not agent:
            yield f"exotel calls only with a flow (its app id) as agent, and none is named; {put_it}"
        case Provider.TWILIO if (
            not speaks and not call.voicemail_message and not speaks_by_address(spec, call, account)
        ):
            yield "nothing would be said: with twilio, give call.first_message, or as agent an address with TwiML"


def speaks_by_address(spec: CampaignSpec, call: CallSpec, account: Account) -> bool:
    """Whether an address says what Twilio's calls say, at least to some rows; other agents mean nothing there."""
    agent = call.agent or account.agent or ""
    return spec.audience.agent is not None or agent.lower().startswith(("http://", "https://"))
