"""Receipts and inbound texts as a web door hears them: signed, in order unless told otherwise, tried again."""

from __future__ import annotations

import asyncio
import re

from twilio.request_validator import RequestValidator

from clarion.sandbox.callbacks import CONNECTIONS
from tests.sandbox.parties import OURS, SID, TOKEN, Heard, Sender, WebDoor, eventually, statuses

GOOD = "+14155550123"


async def test_receipts_are_signed_and_carry_twilios_fields(sender: Sender, door: WebDoor) -> None:
    _, message = await sender.text(GOOD, StatusCallback=door.url)
    sent, delivered = await door.until(lambda heard: len(heard) == 2)
    common = {"AccountSid": SID, "ApiVersion": "2010-04-01", "From": OURS, "To": GOOD}
    ids = {"MessageSid": message["sid"], "SmsSid": message["sid"]}
    assert sent.form == {**common, **ids, "MessageStatus": "sent", "SmsStatus": "sent"}
    done = delivered.form.pop("RawDlrDoneDate")
    assert re.fullmatch(r"\d{10}", done)
    assert delivered.form == {**common, **ids, "MessageStatus": "delivered", "SmsStatus": "delivered"}
    delivered.form["RawDlrDoneDate"] = done
    assert all(genuine(one) for one in (sent, delivered))
    assert sent.url == door.url
    tokens = {one.headers["I-Twilio-Idempotency-Token"] for one in (sent, delivered)}
    assert len(tokens) == 2


async def test_undelivered_and_failed_name_the_error(sender: Sender, door: WebDoor) -> None:
    await sender.text("+14155559002", StatusCallback=door.url)
    heard = await door.until(lambda heard: len(heard) == 2)
    assert statuses(heard) == ["sent", "undelivered"]
    assert heard[1].form["ErrorCode"] == "30005"
    door.heard.clear()
    await sender.text("+14155559010", StatusCallback=door.url)
    heard = await door.until(lambda heard: len(heard) == 1)
    assert (heard[0].form["MessageStatus"], heard[0].form["ErrorCode"]) == ("failed", "30001")


async def test_an_unreachable_handset_is_reached_the_second_time(sender: Sender, door: WebDoor) -> None:
    for expected in (["sent", "undelivered"], ["sent", "delivered"]):
        door.heard.clear()
        await sender.text("+14155559001", StatusCallback=door.url)
        assert statuses(await door.until(lambda heard: len(heard) == 2)) == expected
    assert (await sender.control("GET", "effects"))["twilio"]["duplicates"] == []


async def test_no_receipt_after_sent_for_a_silent_number(sender: Sender, door: WebDoor) -> None:
    await sender.text("+14155559009", StatusCallback=door.url)
    await sender.text(GOOD, StatusCallback=door.url)
    heard = await door.until(lambda heard: "delivered" in statuses(heard))
    assert sorted(statuses(heard)) == ["delivered", "sent", "sent"]
    await drained(sender)
    assert len(door.heard) == 3


async def test_a_canceled_message_is_not_reported_as_sent(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"time_scale": 2})
    _, message = await sender.text(GOOD, StatusCallback=door.url)
    assert (await sender.ask("POST", message["uri"], {"Status": "canceled"}))[0] == 200
    await drained(sender)
    assert door.heard == []


async def test_the_signing_token_can_be_fixed(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"auth_token": "fixed"})
    await sender.text(GOOD, StatusCallback=door.url)
    heard = await door.until(lambda heard: len(heard) == 2)
    assert all(genuine(one, "fixed") and not genuine(one) for one in heard)


async def test_a_fragment_is_neither_sent_nor_signed(sender: Sender, door: WebDoor) -> None:
    await sender.text(GOOD, StatusCallback=f"{door.url}#rc=2&rt=500")
    heard = await door.until(lambda heard: len(heard) == 2)
    assert all(genuine(one) and one.url == door.url for one in heard)


async def test_a_door_that_was_down_still_hears_it(sender: Sender, door: WebDoor) -> None:
    await door.close()
    await sender.text(GOOD, StatusCallback=door.url)

    async def retried() -> bool:
        return bool((await sender.control("GET", "callbacks"))["counts"]["retried"] >= 2)

    await eventually(retried)
    await door.open()
    heard = await door.until(lambda heard: len(heard) == 2)
    assert sorted(statuses(heard)) == ["delivered", "sent"]
    assert all(genuine(one) for one in heard)


async def test_a_door_that_answers_5xx_hears_the_same_again(sender: Sender, door: WebDoor) -> None:
    door.status = 503
    await sender.text("+14155559010", StatusCallback=door.url)
    await door.until(lambda heard: len(heard) == 2)
    door.status = 204
    first, second = (await door.until(lambda heard: len(heard) >= 3))[1:3]
    assert first.form == second.form
    assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]


async def test_a_door_that_refuses_is_not_asked_again(sender: Sender, door: WebDoor) -> None:
    door.status = 403
    await sender.text("+14155559010", StatusCallback=door.url)
    await door.until(lambda heard: len(heard) == 1)
    await drained(sender)
    counts = (await sender.control("GET", "callbacks"))["counts"]
    assert (len(door.heard), counts["refused"], counts["retried"]) == (1, 1, 0)


async def test_a_hanging_door_does_not_hold_up_the_api(sender: Sender, door: WebDoor) -> None:
    door.hold = asyncio.Event()
    for number in range(CONNECTIONS * 2):
        await sender.text(f"+1415555{number:04d}", StatusCallback=door.url)
    await door.until(lambda heard: len(heard) == CONNECTIONS)
    assert (await sender.text(GOOD))[0] == 201
    assert len(door.heard) == CONNECTIONS
    door.hold.set()
    await door.until(lambda heard: len(heard) == CONNECTIONS * 4)


async def test_callbacks_can_be_lost_late_repeated_or_shuffled(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "faults", {"twilio": {"lost_callbacks": 1.0}})
    await sender.text(GOOD, StatusCallback=door.url)
    await drained(sender)
    assert door.heard == []
    await sender.control("POST", "faults", {"twilio": {"repeated_callbacks": 1.0, "shuffled_callbacks": 1.0}})
    await sender.text(GOOD, StatusCallback=door.url)
    heard = await door.until(lambda heard: len(heard) == 4)
    assert sorted(statuses(heard)) == ["delivered", "delivered", "sent", "sent"]
    assert heard[0].form["MessageStatus"] == "delivered"
    assert len({one.headers["I-Twilio-Idempotency-Token"] for one in heard}) == 2
    door.heard.clear()
    await sender.control("POST", "faults", {"twilio": {"late_callbacks": 1.0, "late_seconds": 600}})
    await sender.text(GOOD, StatusCallback=door.url)
    await sender.control("POST", "faults", {"twilio": {}})
    await sender.text("+14155550124", StatusCallback=door.url)
    heard = await door.until(lambda heard: len(heard) == 2)
    assert {one.form["To"] for one in heard} == {"+14155550124"}
    assert (await sender.control("GET", "callbacks"))["counts"]["waiting"] == 2


async def test_a_person_answers_stop_and_is_not_texted_again(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"inbound_url": door.url})
    leaver = "+14155559007"
    assert (await sender.text(leaver))[0] == 201
    (stop,) = await door.until(lambda heard: len(heard) == 1)
    assert genuine(stop)
    assert (stop.form["From"], stop.form["To"], stop.form["Body"]) == (leaver, OURS, "STOP")
    assert (stop.form["SmsStatus"], stop.form["OptOutType"], stop.form["NumMedia"]) == ("received", "STOP", "0")
    assert stop.form["MessageSid"] == stop.form["SmsSid"] == stop.form["SmsMessageSid"]
    status, error = await sender.text(leaver)
    assert (status, error["code"]) == (400, 21610)
    other = {"To": leaver, "From": "+14155550111", "Body": "From another number"}
    assert (await sender.ask("POST", sender.messages, other))[0] == 201
    effects = (await sender.control("GET", "effects"))["twilio"]
    assert (effects["opted_out_contacts"], effects["opted_out_refusals"]) == (1, 1)


async def test_start_lifts_an_opt_out_and_a_sentence_with_stop_is_none(sender: Sender) -> None:
    for body, expected in (("Please stop", 201), (" Stop ", 400), ("start", 201), ("UNSUBSCRIBE", 400), ("Yes", 201)):
        await sender.control("POST", "inbound", {"from": GOOD, "to": OURS, "body": body})
        assert (body, (await sender.text(GOOD))[0]) == (body, expected)


async def test_stop_to_a_messaging_service_covers_the_whole_service(sender: Sender, door: WebDoor) -> None:
    service = "MG" + "b2" * 16
    form = {"To": "+14155559007", "MessagingServiceSid": service, "Body": "Hi"}
    await sender.control("POST", "settings", {"inbound_url": door.url})
    await sender.ask("POST", sender.messages, form)
    (stop,) = await door.until(lambda heard: len(heard) == 1)
    assert stop.form["MessagingServiceSid"] == service
    status, error = await sender.ask("POST", sender.messages, form)
    assert (status, error["code"]) == (400, 21610)


async def test_what_people_write_is_brought_to_us_and_listed(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"inbound_url": door.url})
    await sender.text("+14155559008")
    (answer,) = await door.until(lambda heard: len(heard) == 1)
    assert answer.form["Body"] == "Thanks, that works for me"
    assert "OptOutType" not in answer.form
    said = {"from": GOOD, "to": OURS, "body": "Wann genau? 🙂"}
    sid = (await sender.control("POST", "inbound", said))["sid"]
    question = (await door.until(lambda heard: len(heard) == 2))[1]
    assert genuine(question)
    assert (question.form["MessageSid"], question.form["Body"]) == (sid, "Wann genau? 🙂")
    _, page = await sender.ask("GET", sender.messages, params={"From": GOOD})
    assert [(m["sid"], m["direction"], m["status"]) for m in page["messages"]] == [(sid, "inbound", "received")]


def genuine(heard: Heard, token: str = TOKEN) -> bool:
    """Whether Twilio's own validator accepts the webhook."""
    accepted: bool = RequestValidator(token).validate(heard.url, heard.form, heard.headers["X-Twilio-Signature"])
    return accepted


async def drained(sender: Sender) -> None:
    """Wait until no callback is outstanding."""

    async def nothing_waits() -> bool:
        return not (await sender.control("GET", "callbacks"))["counts"]["waiting"]

    await eventually(nothing_waits)
