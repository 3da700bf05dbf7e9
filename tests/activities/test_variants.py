"""Variants from the file to the person: who imports, contacts and tries again makes no difference to who gets which."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs

from activities.audience import AudienceActivities
from clarion.contracts import ImportOrder
from clarion.domain.call import CallWord
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.providers.ports import OutgoingCall
from tests.activities.call_office import CallOffice, Carrier
from tests.activities.office import Office, person, row, run

PEOPLE = 30
VARIANTS = [{"name": "short", "message": "Hi {{ name }}"}, {"name": "long", "message": "Good day, {{ name }}"}]


async def imported(office: Office, tmp_path: Path) -> dict[str, str]:
    """Import people, and return by number which variant each has."""
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["phone,name", *(f"{person(n)},Ann" for n in range(1, PEOPLE + 1))]) + "\n")
    order = ImportOrder(campaign=office.campaign, file_id=office.store.files.keep(office.key, file))
    await run(AudienceActivities(office.store, office.clock).import_audience, order)
    return {target.address: target.variant for target in office.store.targets.all(office.key)}


async def test_everybody_is_texted_in_the_words_of_their_variant(office: Office, tmp_path: Path) -> None:
    office.new_campaign(message=None, variants=VARIANTS)
    given = await imported(office, tmp_path)
    assert min(Counter(given.values()).values()) >= 5
    assert (await office.dispatch()).worked == PEOPLE
    said = {}
    for exchange in office.sandbox.exchanges.latest(100):
        form = parse_qs(str(exchange["body"]))
        said[form["To"][0]] = form["Body"][0]
    words = {"short": "Hi Ann", "long": "Good day, Ann"}
    assert said == {number: words[variant] for number, variant in given.items()}


async def test_a_variant_that_the_campaign_does_not_have_is_never_sent_as_an_empty_text(office: Office) -> None:
    office.new_campaign([replace(row(1), variant="gone")], message=None, variants=VARIANTS)
    await office.dispatch()
    (target,) = office.store.targets.page(office.key)
    assert (office.effects, target.state, target.outcome) == (0, "failed", "rejected_content")
    assert target.detail == 'the campaign has no text for variant "gone"'


@dataclass
class Listening(Carrier):
    """A carrier that keeps what the calls are given to say."""

    heard: list[OutgoingCall] = field(default_factory=list)

    async def place(self, call: OutgoingCall) -> CallWord:
        self.heard.append(call)
        return await super().place(call)


async def test_a_call_has_the_words_of_its_variant_and_what_the_row_and_the_campaign_say_beside_it(
    calls: CallOffice,
) -> None:
    variants = [{"name": "kind", "prompt": "Be kind to {{ name }}"}, {"name": "other", "agent": "b2"}]
    calls.carrier = carrier = Listening(always=Outcome.ANSWERED)
    own = json.dumps({"first_message": "Me again"})
    people = [replace(row(1), variant="kind"), replace(row(2), variant="other"), replace(row(3, own), variant="kind")]
    calls.new_campaign(people, call={"prompt": "Remind {{ name }}", "agent": "a1"}, variants=variants)
    await calls.call()
    said = {call.to: (call.script.prompt, call.script.agent, call.script.first_message) for call in carrier.heard}
    assert said == {
        person(1): ("Be kind to Ann", "a1", None),
        person(2): ("Remind Ann", "b2", None),
        person(3): ("Be kind to Ann", "a1", "Me again"),
    }


async def test_another_try_says_the_same(calls: CallOffice) -> None:
    variants = [{"name": "kind", "prompt": "Be kind"}, {"name": "brisk", "prompt": "Be brisk"}]
    calls.carrier = carrier = Listening(always=Outcome.NO_ANSWER)
    retry = {"attempts": 1}
    calls.new_campaign([replace(row(1), variant="kind")], call={}, variants=variants, retry=retry)
    await calls.call()
    calls.store.sweeps.requeue_some(calls.key, (), calls.clock(), calls.clock())
    calls.set_status(CampaignStatus.RUNNING, open_=True)
    await calls.call(2)
    assert [call.script.prompt for call in carrier.heard] == ["Be kind", "Be kind"]
