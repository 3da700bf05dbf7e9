"""The parts a text is billed as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.segments import Encoding, Segments, count_segments


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", Encoding.GSM_7, 0, 0),
        ("a", Encoding.GSM_7, 1, 1),
        ("a" * 160, Encoding.GSM_7, 160, 1),
        ("a" * 161, Encoding.GSM_7, 161, 2),
        ("a" * 306, Encoding.GSM_7, 306, 2),
        ("a" * 307, Encoding.GSM_7, 307, 3),
        ("äöüßÆΔ@£\n\r", Encoding.GSM_7, 10, 1),
        ("€" * 80, Encoding.GSM_7, 160, 1),
        ("€" * 81, Encoding.GSM_7, 162, 2),
        ("€" * 153, Encoding.GSM_7, 306, 3),  # 76 pairs fit in each part of 153 septets
        ("a" * 152 + "{" + "a" * 152, Encoding.GSM_7, 306, 3),  # the brace does not fit at the end of the first part
        ("a" * 151 + "{" + "a" * 153, Encoding.GSM_7, 306, 2),
        ("ç", Encoding.UCS_2, 1, 1),  # unlike Ç, not in the alphabet
        ("`", Encoding.UCS_2, 1, 1),
        ("“quoted”", Encoding.UCS_2, 8, 1),
        ("я" * 70, Encoding.UCS_2, 70, 1),
        ("я" * 71, Encoding.UCS_2, 71, 2),
        ("я" * 135, Encoding.UCS_2, 135, 3),
        ("😀" * 35, Encoding.UCS_2, 70, 1),
        ("😀" * 36, Encoding.UCS_2, 72, 2),
        ("😀" * 67, Encoding.UCS_2, 134, 3),  # 33 pairs fit in each part of 67 units
        ("a" * 152 + "😀", Encoding.UCS_2, 154, 3),  # the vendor's own example
    ],
)
def test_the_rules_of_the_carriers(text: str, encoding: Encoding, units: int, count: int) -> None:
    assert count_segments(text) == Segments(encoding, units, count)


def parts_one_by_one(text: str) -> int:
    """Fill parts character by character, as the standard describes it."""
    gsm = count_segments(text).encoding is Encoding.GSM_7
    widths = [2 if (character in "^{}\\[~]|€\f" if gsm else ord(character) > 0xFFFF) else 1 for character in text]
    if sum(widths) <= (160 if gsm else 70):
        return 1 if text else 0
    count, used = 1, 0
    for width in widths:
        if used + width > (153 if gsm else 67):
            count, used = count + 1, 0
        used += width
    return count


@given(st.one_of(st.text("ab€{", min_size=140, max_size=500), st.text("aя😀", min_size=60, max_size=300)))
def test_no_pair_is_split_across_parts(text: str) -> None:
    assert count_segments(text).count == parts_one_by_one(text)
