"""What hooks are told, when it is said again, and where it may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.delivery import DELAYS, JITTER, Answer, DeliveryState, fate
from clarion.domain.errors import BadInput
from clarion.domain.hook import TYPES, Line, body_of, wanted_types, wants
from clarion.domain.hook_address import checked_url, is_public

NOW = 1_000.0


def line(kind: str, detail: str = "", position: int | None = None) -> Line:
    return Line(7, "acme", "spring", position, NOW, kind, detail)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (line("status", "paused: lunch"), "campaign.paused"),
        (line("status", "running"), "campaign.running"),
        (line("created", "Spring"), "campaign.created"),
        (line("halted", "the budget is spent"), "campaign.halted"),
        (line("delivered", "attempt 1: delivered", 3), "attempt.delivered"),
        (line("status", "odd", 3), "attempt.status"),
    ],
)
def test_every_line_has_a_type(told: Line, kind: str) -> None:
    assert told.type == kind


def test_a_group_is_all_of_its_types() -> None:
    assert wants(["attempt"], "attempt.delivered")
    assert wants(["attempt.delivered"], "attempt.delivered")
    assert not wants(["attempt.delivered"], "attempt.failed")
    assert not wants(["campaign"], "attempt.failed")


def test_what_is_wanted_is_checked() -> None:
    assert wanted_types([" campaign ", "attempt.sent", "campaign", ""]) == ("campaign", "attempt.sent")
    assert wanted_types(TYPES) == TYPES
    with pytest.raises(BadInput, match=r'"campaign.complete" is no event \(did you mean "campaign.completed"\?\)'):
        wanted_types(["campaign.complete"])
    with pytest.raises(BadInput, match="has to be told of something"):
        wanted_types([])


def test_a_body_says_what_it_is_about() -> None:
    told = line("unknown", "attempt 2: no answer\nwithin 10 s", 3)
    assert body_of("evt_7", told, row=5)["data"] == {
        "position": 3,
        "row": 5,
        "attempt": 2,
        "outcome": "unknown",
        "detail": "no answer\nwithin 10 s",
    }
    assert body_of("evt_7", line("status", "paused: at 9: lunch"))["data"] == {
        "status": "paused",
        "detail": "at 9: lunch",
    }
    assert body_of("evt_7", line("skipped", "row 4: no phone", 3))["data"] == {
        "position": 3,
        "row": None,
        "attempt": None,
        "outcome": "skipped",
        "detail": "row 4: no phone",
    }


@given(tries=st.integers(1, 20), chance=st.floats(0, 1, exclude_max=True), patience=st.floats(0, 1e9))
def test_a_delivery_waits_longer_and_longer_and_ends(tries: int, chance: float, patience: float) -> None:
    after = fate(Answer(503, "no", patience), tries, NOW, chance)
    if tries > len(DELAYS):
        assert after.state is DeliveryState.DEAD
        return
    assert after.state is DeliveryState.WAITING
    shortest, longest = DELAYS[tries - 1], DELAYS[tries - 1] * (1 + JITTER)
    asked = min(patience, 86400.0)
    assert max(shortest, asked) <= after.due_at - NOW <= max(longest, asked) + 1e-6


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_good_answer_ends_it(status: int) -> None:
    assert fate(Answer(status), 1, NOW, 0.0).state is DeliveryState.DELIVERED


def test_gone_ends_it_at_once() -> None:
    assert fate(Answer(410, "it answered 410"), 1, NOW, 0.0).state is DeliveryState.DEAD


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:1::1"),
        *("example.com", ""),
    ],
)
def test_some_machines_are_nobody_elses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_others_are_anybodys(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("example.com/x", "is no address"),
        ("ftp://example.com/", "is no address"),
        ("https://", "is no address"),
        ("https://exa mple.com/", "is no address"),
        ("https://example.com\\@127.0.0.1/", "is no address"),
        ("https://example.com:0/", "is no address"),
        ("https://example.com/" + "x" * 2000, "is no address"),
        ("https://xn--/" + "\u0000", "is no address"),
        ("http://example.com/", "https only"),
        ("https://me:secret@example.com/", "leave user and password out"),
        ("https://example.com/#part", "after #"),
        ("https://localhost:8080/", "private to a machine or network"),
        ("https://db.internal/", "private to a machine or network"),
        ("https://127.1/", "private to a machine or network"),
        ("https://0x7f000001/", "private to a machine or network"),
        ("https://[fd00::1]/", "private to a machine or network"),
    ],
)
def test_some_addresses_are_refused(url: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"^url: .*{why}"):
        checked_url(url, to_private=False)


def test_an_address_is_taken_as_it_is_given() -> None:
    for url in (
        "https://example.com/a?b=c",
        "https://example.com:8443",
        "https://1.1.1.1/x",
        "https://bücher.example/",
    ):
        assert checked_url(f" {url} ", to_private=False) == url
    assert checked_url("http://localhost:1/x", to_private=True) == "http://localhost:1/x"


def test_a_refusal_does_not_repeat_a_secret() -> None:
    with pytest.raises(BadInput) as refused:
        checked_url("ftp://example.com/hook?token=secret", to_private=False)
    assert "secret" not in str(refused.value)
