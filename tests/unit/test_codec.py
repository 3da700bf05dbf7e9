"""What Temporal keeps is unreadable without the key, and keys can be exchanged."""

from __future__ import annotations

import base64

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from clarion.codec import EncryptingCodec, new_key, parse_keys
from clarion.contracts import CampaignRef
from clarion.domain.errors import BadInput, Conflict
from clarion.temporal import data_converter

OLD, NEW = new_key("k1"), new_key("k2")
REF = CampaignRef(tenant="acme", campaign_id="spring", key=7)


async def test_a_payload_comes_back_as_it_was_and_tells_nothing_on_the_way() -> None:
    converter = data_converter(NEW)
    (payload,) = await converter.encode([REF])
    assert payload.metadata["encoding"] == b"binary/encrypted"
    assert payload.metadata["clarion-key"] == b"k2"
    assert b"spring" not in payload.SerializeToString()
    assert await converter.decode([payload], [CampaignRef]) == [REF]


async def test_the_same_is_encrypted_differently_each_time() -> None:
    first, second = await data_converter(NEW).encode([REF, REF])
    assert first.data != second.data


async def test_keys_are_exchanged_without_losing_what_was_written() -> None:
    (before,) = await data_converter("").encode([REF])
    (old,) = await data_converter(OLD).encode([REF])
    both = data_converter(f"{NEW}, {OLD}")
    (new,) = await both.encode([REF])
    assert new.metadata["clarion-key"] == b"k2"
    assert await both.decode([before, old, new], [CampaignRef] * 3) == [REF] * 3


async def test_a_key_that_is_not_there_is_named() -> None:
    (payload,) = await data_converter(OLD).encode([REF])
    with pytest.raises(Conflict, match=r'the key "k1", which CLARION_PAYLOAD_KEYS does not have; add it'):
        await data_converter(NEW).decode([payload])


@pytest.mark.parametrize("where", [0, 12, -1])
async def test_what_was_altered_is_refused(where: int) -> None:
    codec = EncryptingCodec(parse_keys(OLD))
    (payload,) = await codec.encode([Payload(data=b"x")])
    data = bytearray(payload.data)
    data[where] ^= 1
    with pytest.raises(Conflict, match="it was altered"):
        await codec.decode([Payload(metadata=payload.metadata, data=bytes(data))])
    with pytest.raises(Conflict, match="it was altered"):
        await codec.decode([Payload(metadata=payload.metadata, data=payload.data[:8])])


async def test_another_key_of_the_same_id_is_refused() -> None:
    (payload,) = await data_converter(OLD).encode([REF])
    with pytest.raises(Conflict, match='the key "k1" in CLARION_PAYLOAD_KEYS is another one'):
        await data_converter(new_key("k1")).decode([payload])


async def test_what_an_error_says_is_encrypted_too() -> None:
    failure = Failure()
    await data_converter(NEW).encode_failure(ApplicationError("account main is refused"), failure)
    assert b"refused" not in failure.SerializeToString()
    error = await data_converter(NEW).decode_failure(failure)
    assert "account main is refused" in str(error)


@pytest.mark.parametrize(
    "text",
    ["k1", "k1:", "k1:AAAA", ":" + base64.b64encode(bytes(32)).decode(), "k 1:" + base64.b64encode(bytes(32)).decode()],
)
def test_a_key_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(BadInput, match="holds keys as id:base64") as caught:
        parse_keys(text)
    assert "AAAA" not in str(caught.value)


def test_two_keys_of_one_id_are_refused() -> None:
    with pytest.raises(BadInput, match='two keys of the id "k1"'):
        parse_keys(f"{OLD},{new_key('k1')}")
