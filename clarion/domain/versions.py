"""A campaign as one of its variants has it."""

from __future__ import annotations

from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.variant import OF_CALLS


def version(spec: CampaignSpec, name: str | None) -> CampaignSpec:
    """Return the campaign with the words of one variant in place of its own; as it is for None.

    Raises BadInput for a variant that it does not have.
    """
    if name is None:
        return spec
    variants = spec.variants or ()
    chosen = next((variant for variant in variants if variant.name == name), None)
    if chosen is None:
        names = [variant.name for variant in variants]
        raise BadInput(f'the campaign has no variant "{name}"{did_you_mean(name, names)}; it has {", ".join(names)}')
    call = {word: text for word, text in chosen.words.items() if word in OF_CALLS}
    return spec.model_copy(
        update={
            "variants": None,
            "message": spec.message if chosen.message is None else chosen.message,
            "call": spec.call if spec.call is None else spec.call.model_copy(update=call),
        }
    )


def versions(spec: CampaignSpec) -> dict[str | None, CampaignSpec]:
    """Return what a campaign says in all its variants, by their names; one that has none is its only version."""
    if spec.variants is None:
        return {None: spec}
    return {variant.name: version(spec, variant.name) for variant in spec.variants}
