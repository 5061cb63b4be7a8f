"""A fault in the file meta group doesn't cost the file: each fault x each group length x each transfer syntax."""

import collections
import json
from functools import cache

import pytest

from dicom_udf.columns import selection
from dicom_udf.header import Header
from tests.header.meta_faults import FAULTS, LENGTHS, PlantedMeta, planted_meta
from tests.header.owed import Answer, read

MOST_SHOWN = 5
GROUP_2 = frozenset(want.name for want in selection().wanted if want.path[0] >> 16 == 2)
NUMBERS = {"no fault": 40, **dict.fromkeys(FAULTS, 80), "implicit": 32, "not deflated": 6}


@cache
def by_kind() -> dict[str, list[PlantedMeta]]:
    kinds: dict[str, list[PlantedMeta]] = collections.defaultdict(list)
    for planted in planted_meta():
        kinds[planted.name.partition(",")[0]].append(planted)
    return kinds


def violations(answer: Answer, planted: PlantedMeta) -> list[str]:
    if isinstance(answer, str):
        return [f"a failure: {answer}"] if planted.is_owed else []
    if not planted.is_owed:
        return [] if answer.fault is not None or answer.invalid_values else ["silent"]
    clean = read(planted.clean)
    assert isinstance(clean, Header)
    wrong = [] if answer.fault is None else ["a fault"]
    wrong += [] if json.loads(answer.json) == json.loads(clean.json) else ["the JSON differs"]
    names = set(answer.invalid_values)
    if planted.is_named and not (names & planted.names if planted.names else names):
        wrong.append("not named")
    ours = {name: value for name, value in answer.values.items() if name not in GROUP_2}
    wrong += [] if ours == {n: v for n, v in clean.values.items() if n not in GROUP_2} else ["values differ"]
    if planted.has_syntax and answer.values.get("transfer_syntax_uid") != clean.values["transfer_syntax_uid"]:
        wrong.append("no transfer syntax")
    if planted.has_meta and not _same_meta(answer, clean):
        wrong.append("the group's JSON differs")
    return wrong + ([] if answer.pixel_data_length == clean.pixel_data_length else ["the pixel data differs"])


def _same_meta(answer: Header, clean: Header) -> bool:
    if answer.file_meta_json is None or clean.file_meta_json is None:
        return False
    return json.loads(answer.file_meta_json) == json.loads(clean.file_meta_json)


def test_the_table_of_variants_has_their_numbers() -> None:
    assert {kind: len(planted) for kind, planted in by_kind().items()} == NUMBERS
    assert {name.split(", ")[2] for name in (p.name for p in by_kind()["rubbish"])} == {f"length {n}" for n in LENGTHS}


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_fault_in_the_file_meta_group_gives_what_is_owed(kind: str) -> None:
    wrong = []
    for planted in by_kind()[kind]:
        found = violations(read(planted.content), planted)
        wrong += [f"{planted.name}: {'; '.join(found)}"] if found else []
    assert not wrong, "\n".join([f"{len(wrong)} of {len(by_kind()[kind])} variants", *wrong[:MOST_SHOWN]])
