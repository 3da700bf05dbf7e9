"""What is said to a row where a campaign has variants: one wording for each, and who gets which."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from clarion.audience.wording import Wording, Words
from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.errors import BadInput
from clarion.domain.variant import Split, Variant
from clarion.domain.versions import version


class Variants:
    """The variants of one campaign."""

    def __init__(
        self,
        spec: CampaignSpec,
        variants: Sequence[Variant],
        wording: Callable[[CampaignSpec], Wording],
        seed: int,
    ) -> None:
        """Prepare every variant with ``wording``. Raises BadInput with what is wrong with any, a sentence a line."""
        problems: dict[str, str] = {}
        self._wordings: dict[str, Wording] = {}
        for variant in variants:
            try:
                self._wordings[variant.name] = wording(version(spec, variant.name))
            except BadInput as error:
                problems[variant.name] = str(error)
        if problems:
            raise BadInput(_told(problems, len(variants)))
        self._split = Split(variants, seed)
        self._of_texts = spec.channel is Channel.SMS
        self._varied = frozenset[str]().union(*(variant.words for variant in variants))

    def of(self, address: str) -> tuple[str, Wording]:
        """Return the variant that an address gets, and how it is worded."""
        name = self._split.of(address)
        return name, self._wordings[name]

    def apply_to(self, words: Words) -> bool:
        """Whether a row gets anything of its variant: not if its own words go before all that the variants vary."""
        if words.text is None:
            return True
        return not self._of_texts and not self._varied <= json.loads(words.text).keys()


def _told(problems: Mapping[str, str], variants: int) -> str:
    """Say what is wrong, and with which; what is wrong with all is wrong with the campaign."""
    if len(problems) == variants and len(set(problems.values())) == 1:
        return next(iter(problems.values()))
    return "\n".join(f'variant "{name}": {problem}' for name, problem in problems.items())
