"""Variants: what may stand in a campaign's file, who gets which, and the campaign as each of them has it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.domain.variant import Split, Variant
from clarion.domain.versions import version, versions

A, B = {"name": "A", "message": "Hi"}, {"name": "B", "message": "Hello", "weight": 3}


def texts(*variants: object, **keys: object) -> CampaignSpec:
    return parse_spec(
        {
            "name": "Test",
            "channel": "sms",
            "audience": {"file": "a.csv", "address": "phone"},
            "variants": list(variants),
            **keys,
        }
    )


def calls(*variants: object, **call: object) -> CampaignSpec:
    return texts(*variants, channel="call", call=call)


def test_variants_stand_in_place_of_the_campaigns_own_message() -> None:
    spec = texts(A, B)
    assert spec.variants == (Variant(name="A", message="Hi"), Variant(name="B", message="Hello", weight=3))
    assert CampaignSpec.model_validate_json(spec.model_dump_json(by_alias=True)) == spec


def test_a_campaign_as_stored_before_there_were_variants_is_still_read() -> None:
    stored = texts(message="x", variants=None).model_dump(mode="json", by_alias=True)
    del stored["variants"]
    spec = CampaignSpec.model_validate(stored)
    assert (spec.variants, versions(spec)) == (None, {None: spec})


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ([A], "variants has 1; give 2 to 10, or leave it out"),
        ([], "variants has 0; give 2 to 10"),
        ([{"name": f"V{n}", "message": f"{n}"} for n in range(11)], "variants has 11; give 2 to 10"),
        ([A, {**B, "name": "A"}], 'the name "A" is given 2 times'),
        ([A, {"name": "B"}], '"B" has no message, and the campaign has none either'),
        ([A, {**A, "name": "B"}], '"A", "B" say the same'),
        ([A, {**B, "prompt": "x"}], 'prompt of "B" means nothing on channel sms; give message'),
        ([A, {**B, "mesage": "x"}], 'variants.2: unknown key "mesage" (did you mean "message"?)'),
        ([A, {**B, "weight": 0}], "variants.2.weight is 0; give a number greater than 0"),
        ([A, {**B, "name": "=1+1"}], 'variants.2.name is "=1+1"; give a name of 1 to 40 letters'),
        ([A, {**B, "name": "x" * 41}], "give a name of 1 to 40 letters"),
        ([A, {**B, "message": "{{ x"}], "variants.2.message: line 1"),
        ([A, {"message": "x"}], "variants.2.name is missing"),
        ([A, 3], "variants.2 is 3; give a list of groups with a name and a text"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(variants: list[object], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        texts(*variants)
    assert said in str(refused.value)


def test_leads_have_no_variants() -> None:
    audience = {"file": "a.csv", "lead_id": "Id"}
    with pytest.raises(BadInput, match="variants are for texts and calls; this campaign has channel lead_analysis"):
        texts(A, B, channel="lead_analysis", audience=audience)
    asked = [{"name": name, "instructions": name} for name in "AB"]
    with pytest.raises(BadInput, match="to compare two ways of asking, assess a part of the leads with each"):
        texts(*asked, channel="lead_analysis", audience=audience)


def test_a_message_is_no_variant_of_a_call() -> None:
    with pytest.raises(BadInput, match='message of "A" means nothing on channel call; give prompt or first_message or'):
        calls(A, {"name": "B", "prompt": "x"})


def test_a_variant_puts_its_words_in_place_of_the_campaigns_own_and_keeps_the_rest() -> None:
    spec = calls(
        {"name": "short", "prompt": "Be short.", "agent": "a2"}, {"name": "control"}, prompt="Be nice.", context="c"
    )
    short, control = version(spec, "short"), version(spec, "control")
    assert short.call is not None
    assert (short.call.prompt, short.call.agent, short.call.context) == ("Be short.", "a2", "c")
    assert control.call == spec.call
    assert (short.variants, control.variants) == (None, None)
    assert versions(spec) == {"short": short, "control": control}
    mixed = texts(A, {"name": "control"}, message="Yo")
    assert {name: said.message for name, said in versions(mixed).items()} == {"A": "Hi", "control": "Yo"}
    assert version(mixed, None) is mixed


def test_an_unknown_variant_has_no_version() -> None:
    spec = texts(A, {**B, "name": "long"})
    with pytest.raises(BadInput, match=r'no variant "log" \(did you mean "long"\?\); it has A, long'):
        version(spec, "log")


def test_a_person_keeps_its_variant_whoever_asks() -> None:
    """Written out: another value after a change of ours would give people under way another variant."""
    spec = texts(A, B)
    split = Split(spec.variants or (), 7)
    assert "".join(split.of(f"+1415555{n:04}") for n in range(20)) == "BBABBBAAAABBBBBABBAB"


def test_another_campaign_splits_the_same_people_anew() -> None:
    variants = texts(A, {**B, "weight": 1}).variants or ()
    people = [f"+1415555{n:04}" for n in range(1000)]
    first, second = Split(variants, 1), Split(variants, 2)
    both = Counter((first.of(one), second.of(one)) for one in people)
    assert len(both) == 4
    assert min(both.values()) > 200


@given(weights=st.lists(st.floats(0.01, 1000), min_size=2, max_size=10), seed=st.integers(1, 2**40))
def test_shares_follow_the_weights(weights: list[float], seed: int) -> None:
    variants = [Variant(name=f"V{n}", message=str(n), weight=weight) for n, weight in enumerate(weights)]
    people = 2_000
    split = Split(variants, seed)
    got = Counter(split.of(f"+49{n:09}") for n in range(people))
    for variant in variants:
        share = variant.weight / sum(weights)
        # Six standard deviations, and some room for tiny shares: no fair split is ever further away.
        assert abs(got[variant.name] - people * share) <= 6 * (people * share * (1 - share)) ** 0.5 + 5
