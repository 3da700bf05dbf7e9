"""What can be checked against published values: the signature's test vector, the segment counts."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from clarion.sandbox.twilio.segments import segments
from clarion.sandbox.twilio.signature import sign


def test_the_signature_of_twilios_own_example() -> None:
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, params) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_sdk_accepts_a_signature_over_other_scripts_and_odd_addresses() -> None:
    params = {"Body": "Grüße 👋 & more = fine", "Empty": "", "body": "x"}
    url = "http://127.0.0.1:8080/hooks/twilio?attempt=1.2.3&name=%C3%BC"
    assert RequestValidator("tok").validate(url, params, sign("tok", url, params))
    assert not RequestValidator("other").validate(url, params, sign("tok", url, params))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("x" * 152 + "€" + "x" * 152, 3),  # the euro's two septets do not fit behind 152, nor 153 behind it
        ("x" * 152 + "😀", 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),  # 33 of them fill 66 of 67 units, one never spans two parts
        ("don't", 1),
        ("`" * 70, 1),
        ("`" * 71, 2),  # the backtick is not in GSM-7
    ],
)
def test_segments_are_counted_as_they_are_billed(text: str, count: int) -> None:
    assert segments(text) == count
