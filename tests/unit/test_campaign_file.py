"""Campaign files as people write them, and as they break them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from starter.campaign_file import LARGEST, read_campaign_file

GOOD = """
name: Spring service reminder
channel: sms
audience: {file: customers.csv, address: phone, time_zone: tz}    # column names
message: "Hi {{ first_name }}"
"""


def write(folder: Path, content: str | bytes, name: str = "campaign.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as refused:
        read_campaign_file(path)
    return str(refused.value)


def test_the_audience_is_looked_for_beside_the_campaign(tmp_path: Path) -> None:
    spec = read_campaign_file(write(tmp_path, GOOD))
    assert spec.name == "Spring service reminder"
    assert spec.audience.file == str(tmp_path / "customers.csv")


def test_a_relative_path_to_the_campaign_gives_an_absolute_audience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert read_campaign_file(Path("campaign.yaml")).audience.file == str(tmp_path / "customers.csv")


@pytest.mark.parametrize("file", ["/data/people.csv", "~/people.csv"])
def test_an_audience_elsewhere_stays_there(tmp_path: Path, file: str) -> None:
    spec = read_campaign_file(write(tmp_path, GOOD.replace("customers.csv", file)))
    assert spec.audience.file == file.replace("~", str(Path.home()))


def test_words_that_yaml_would_turn_into_something_else_stay_words(tmp_path: Path) -> None:
    content = GOOD.replace("tz}", "tz, region: NO}") + (
        "retry:\n  on: [failed]\nwindow: {from: 09:00, to: 20:00}\nstart_at: 2026-12-01 09:00:00+01:00\naccount: 0123\n"
    )
    spec = read_campaign_file(write(tmp_path, content))
    assert spec.audience.region == "NO"
    assert spec.retry.on == (Outcome.FAILED,)
    assert spec.window is not None
    assert (spec.window.from_.hour, spec.window.to.hour) == (9, 20)
    assert spec.start_at is not None
    assert spec.start_at.hour == 9
    assert spec.account == "0123"


def test_numbers_and_nothing_are_read_as_such(tmp_path: Path) -> None:
    spec = read_campaign_file(write(tmp_path, GOOD + "budget: 25.00\nlimits: {concurrency: 7}\nwindow: ~\nvalidity:\n"))
    assert (spec.budget, spec.limits.concurrency, spec.window, spec.validity) == (25.0, 7, None, None)


def test_an_anchor_is_put_in_where_it_is_named(tmp_path: Path) -> None:
    content = GOOD + "limits: &slow {concurrency: 2, per_second: 1}\n"
    merged = content.replace(
        "limits: &slow {concurrency: 2, per_second: 1}", "limits: {<<: {concurrency: 2}, per_second: 1}"
    )
    assert read_campaign_file(write(tmp_path, merged)).limits == read_campaign_file(write(tmp_path, content)).limits


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_unicode_file_is_read(tmp_path: Path, encoding: str) -> None:
    assert (
        read_campaign_file(write(tmp_path, GOOD.replace("Spring", "Frühling").encode(encoding))).name[:8] == "Frühling"
    )


def test_json_is_read_too(tmp_path: Path) -> None:
    data = {"name": "x", "channel": "sms", "audience": {"file": "a.csv", "address": "p"}, "message": "Hi"}
    text = json.dumps(data, indent="\t")
    assert read_campaign_file(write(tmp_path, text, "campaign.json")).audience.file == str(tmp_path / "a.csv")


def test_a_missing_file_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    said = refusal(tmp_path / "campain.yaml")
    assert said == f'{tmp_path / "campain.yaml"}: there is no such file (did you mean "campaign.yaml"?)'
    assert "nor the folder" in refusal(tmp_path / "nowhere" / "campaign.yaml")


def test_a_folder_is_no_campaign(tmp_path: Path) -> None:
    assert "this is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"# nothing yet\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1 is not UTF-8 text"),
        (b"name: x\nmessage: caf\xe9\n", "line 2 is not UTF-8 text; save the file as UTF-8"),
        (b"name: \x00x", "this is not a text file"),
        (b"name: x" + b" " * LARGEST, "is it the audience and not the campaign?"),
        (b"name: x\n\tchannel: sms\n", "line 2: not readable as YAML"),
        (b"name: [x\nchannel: sms\n", "line 2: not readable as YAML"),
        (b"name: x\nname: y\n", 'line 2: the key "name" is given a second time (first in line 1)'),
        (b"limits: {per_second: 1,\n  'per_second': 2}\n", 'line 2: the key "per_second" is given a second time'),
        (b"? [a, b]\n: c\n", "line 1: a key must be one word"),
        (b"a: 1\n---\nb: 2\n", "line 2: not readable as YAML"),
        (b"a: !!python/object:os.system x\n", "line 1: not readable as YAML"),
        (b"a: !!int x\n", "not readable as YAML"),
        (b"a: !!bool x\n", "not readable as YAML"),
        (b"a: !!timestamp x\n", "not readable as YAML"),
        (b"a: *b\n", "line 1: not readable as YAML"),
        (b"a: &b [*b]\n", "not readable as YAML"),
        (b"a: \x07\n", "not readable as YAML"),
        (b"[" * 5_000, "nested too deeply"),
        (b"a: " + b"9" * 5000, "not readable as YAML"),
        (b"- sms\n", "and this is a list"),
        (b"just words", 'and this is "just words"'),
        (b"1: x\n", 'unknown key "1"'),
    ],
)
def test_a_broken_file_is_refused_with_the_place(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path, content)
    sentence = refusal(path)
    assert said in sentence
    assert sentence.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ('{"name": "x",\n}', "line 2: not readable as JSON"),
        ('{"name": 1, "name": 2}', 'the key "name" is given a second time'),
        ("[" * 5_000, "nested too deeply"),
        ('{"name": ' + "9" * 5000 + "}", "not readable as JSON"),
        ('{"name": "\\ud800"}', "name is "),
    ],
)
def test_a_broken_json_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    assert said in refusal(write(tmp_path, content, "campaign.json"))


def test_an_audience_is_not_taken_for_a_campaign(tmp_path: Path) -> None:
    assert "this looks like an audience" in refusal(write(tmp_path, "phone\n+14155552671\n", "customers.csv"))


def test_every_problem_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "priority: x\nbudget: 0\n")
    lines = refusal(path).splitlines()
    assert [line.removeprefix(f"{path}: ").split(" ")[0] for line in lines] == ["priority", "budget"]


def test_a_file_that_grows_when_it_is_read_stays_small(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert 'unknown key "l0"' in refusal(write(tmp_path, "l0: &l0 [x]\n" + levels))


PIECES = st.sampled_from(
    ["a", "name", ": ", "\n", "  ", "- ", "[", "]", "{", "}", "&x ", "*x", "!!int ", "|", "<<", '"', "~", "1"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=20).map("".join), st.sampled_from(["x.yaml", "x.json"]))
def test_any_text_is_a_campaign_or_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(BadInput):
        read_campaign_file(write(tmp_path, text, name))
