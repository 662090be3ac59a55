"""XVNLI, SNLI-VE and NLVR: what their readers keep, leave out and count, and the pictures of NLVR."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePairExample
from xstilts.tasks.catalogue.nlvr_drawing import COLOURS, GREY, LIGHT, draw_boxes
from xstilts.tasks.catalogue.pictures import draw_nlvr
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.registry import find_task

FIXTURES = Path(__file__).parents[2] / "fixtures"


def put(root: Path, name: str, *records: dict[str, Any]) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def pair(picture: str, label: str, key: str = "Flikr30kID", **fields: str) -> dict[str, str]:
    texts = {"sentence1": "A man rows a boat.", "sentence2": "Somebody is on the water."}
    return {"gold_label": label, **texts, "pairID": f"{picture}#0r1{label[0]}", key: picture, **fields}


def read(root: Path, task: str, split: str, language: str = "en", counts: Counter[str] | None = None) -> list[Example]:
    return list(read_examples(find_task(task), split, language, root, counts))


def test_a_pair_of_xvnli() -> None:
    found = read(FIXTURES, "xvnli", "test")[1]
    assert isinstance(found, ImagePairExample)
    assert found == ImagePairExample(
        "101.jpg#0r1n", "101", "The ladder stands in a barn.", "neutral", "A baker carries two loaves up a ladder."
    )


def test_test_pairs_without_a_gold_label_stay_without_an_answer(tmp_path: Path) -> None:
    put(tmp_path, "xvnli/en/test.jsonl", pair("1", "entailment"), pair("2", "-"))
    put(tmp_path, "xvnli/en/train.jsonl", pair("3", "neutral"), pair("4", "-"))
    for task in ("xvnli", "xvnli_hypothesis", "xvnli_caption"):
        counts = Counter[str]()
        assert [e.answer for e in read(tmp_path, task, "test", counts=counts)] == ["entailment", None]
        assert not counts
        assert [e.answer for e in read(tmp_path, task, "train", counts=counts)] == ["neutral"]
        assert counts == {"unlabelled": 1}


@pytest.mark.parametrize(
    ("task", "file", "key"),
    [
        ("xvnli", "xvnli/en/train.jsonl", "Flikr30kID"),
        ("xvnli_hypothesis", "xvnli/en/train.jsonl", "Flikr30kID"),
        ("snli_ve", "snli_ve/snli_ve_train.jsonl", "Flickr30K_ID"),
        ("snli_ve", "snli_ve/snli_ve_train.jsonl", "Flikr30kID"),
    ],
)
def test_training_pairs_with_a_test_picture_are_left_out_and_counted(task: str, file: str, key: str, tmp_path: Path) -> None:
    put(tmp_path, "xvnli/annotations/en/test.jsonl", pair("1", "entailment"), pair("2", "neutral"))
    put(tmp_path, file, pair("1.jpg", "neutral", key), pair("3.jpg", "neutral", key), pair("2", "contradiction", key))
    counts = Counter[str]()
    found = read(tmp_path, task, "train", counts=counts)
    assert [example.id for example in found] == ["3.jpg#0r1n"]
    assert counts == {"test_pictures": 2}


def test_training_data_are_not_read_without_the_test_pictures(tmp_path: Path) -> None:
    put(tmp_path, "snli_ve/snli_ve_train.jsonl", pair("1", "neutral"))
    with pytest.raises(InputError, match=r"no file for .*test\.jsonl.*; `xstilts data download snli_ve` gets it"):
        read(tmp_path, "snli_ve", "train")


def test_texts_without_pictures_have_the_same_ids_and_answers() -> None:
    for split in ("train", "dev", "test"):
        whole = read(FIXTURES, "xvnli", split)
        for name, texts in (("xvnli_hypothesis", ["text"]), ("xvnli_caption", ["caption", "text"])):
            found = read(FIXTURES, name, split)
            assert [(e.id, e.answer) for e in found] == [(e.id, e.answer) for e in whole]
            for own, other in zip(found, whole, strict=True):
                assert isinstance(own, ClassifyExample)
                assert own.texts == tuple(getattr(other, text) for text in texts)


def test_hypotheses_of_snli() -> None:
    whole, found = read(FIXTURES, "snli", "train"), read(FIXTURES, "snli_hypothesis", "train")
    assert [e.strings() for e in found] == [e.strings()[1:] for e in whole]
    assert [e.answer for e in found] == [e.answer for e in whole]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"gold_label": "maybe"}, "unknown label 'maybe'"),
        ({"sentence2": None}, "field 'sentence2' should be str"),
        ({"Flikr30kID": 7}, "field 'Flikr30kID' should be str"),
    ],
)
def test_a_bad_pair_is_named(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    put(tmp_path, "xvnli/en/test.jsonl", pair("1", "neutral"), {**pair("2", "neutral"), **changed})
    with pytest.raises(InputError, match=rf"test\.jsonl:2: {told}"):
        read(tmp_path, "xvnli", "test")


def test_a_pair_without_a_picture_is_named(tmp_path: Path) -> None:
    record = pair("1", "neutral")
    del record["Flikr30kID"]
    put(tmp_path, "xvnli/en/test.jsonl", record)
    with pytest.raises(InputError, match=r"test\.jsonl:1: field 'Flikr30kID' is missing"):
        read(tmp_path, "xvnli", "test")


# -- NLVR


def thing(type: str, color: str, x: int, y: int, size: int) -> dict[str, Any]:
    return {"type": type, "color": color, "x_loc": x, "y_loc": y, "size": size}


def pixels(*boxes: list[dict[str, Any]]) -> np.ndarray:
    image = draw_boxes(boxes, "here")
    assert (image.mode, image.size) == ("RGB", (400, 100))
    return np.asarray(image)


def test_three_light_boxes_between_grey_strips() -> None:
    found = pixels([], [], [])
    for left in (0, 150, 300):
        assert (found[:, left : left + 100] == LIGHT).all()
    for left in (100, 250):
        assert (found[:, left : left + 50] == GREY).all()


def test_a_square_fills_its_place_and_nothing_else() -> None:
    found = pixels([], [thing("square", "Yellow", 40, 59, 20)], [])
    assert (found[59:79, 190:210] == COLOURS["Yellow"]).all()
    assert (found == COLOURS["Yellow"]).all(axis=-1).sum() == 400


def test_a_circle_is_as_wide_as_high_and_leaves_its_corners() -> None:
    found = pixels([thing("circle", "#0099ff", 10, 30, 30)], [], [])[30:60, 10:40]
    assert (found[15, 15] == COLOURS["#0099ff"]).all()
    for turned in (found[::-1], found[:, ::-1], found.transpose(1, 0, 2)):
        assert (turned == found).all()
    assert (found[0, 0] == LIGHT).all()
    covered = (LIGHT[0] - found[:, :, 0].astype(float)).sum() / LIGHT[0]
    assert covered == pytest.approx(np.pi * 15**2, rel=0.01)


def test_a_triangle_has_its_tip_up() -> None:
    found = pixels([], [], [thing("triangle", "Black", 72, 21, 10)])[21:31, 372:382, 0]
    shares = np.rint(100 * (1 - found / LIGHT[0])).astype(int)
    assert shares[0].tolist() == [0, 0, 0, 0, 25, 25, 0, 0, 0, 0]
    assert shares[9].tolist() == [75, *[100] * 8, 75]


def test_a_later_object_lies_above_an_earlier_one() -> None:
    found = pixels([thing("square", "Black", 0, 0, 30), thing("square", "Yellow", 10, 10, 10)], [], [])
    assert (found[15, 15] == COLOURS["Yellow"]).all()
    assert (found[5, 5] == COLOURS["Black"]).all()


@pytest.mark.parametrize(
    ("boxes", "told"),
    [
        (([], []), "should have 3 lists"),
        (({}, [], []), "should have 3 lists"),
        (([thing("star", "Black", 0, 0, 10)], [], []), "unknown label 'star'"),
        (([thing("square", "Red", 0, 0, 10)], [], []), "unknown label 'Red'"),
        (([thing("square", "Black", 95, 0, 10)], [], []), "size 10 at .95, 0. does not lie within"),
        (([{"type": "square"}], [], []), "field 'x_loc' is missing"),
    ],
)
def test_what_cannot_be_drawn_is_named(boxes: Any, told: str) -> None:
    with pytest.raises(InputError, match=f"here: .*{told}"):
        draw_boxes(boxes, "here")


def test_every_picture_of_nlvr_is_drawn_by_its_name() -> None:
    for split in ("train", "dev", "test"):
        names = [e.picture for e in read(FIXTURES, "nlvr", split) if isinstance(e, ImagePairExample)]
        assert sorted(name for name, _ in draw_nlvr(FIXTURES, names)) == sorted(names)


def test_a_picture_without_a_record_is_named(tmp_path: Path) -> None:
    record = {"identifier": "1-0", "sentence": "s", "label": "true", "structured_rep": [[], [], []]}
    put(tmp_path, "nlvr/dev.json", record)
    assert [name for name, _ in draw_nlvr(tmp_path, ["1-0"])] == ["1-0"]
    with pytest.raises(InputError, match=r"no record of 1 pictures, such as '2-0'.*no file for train in en.*no file for test"):
        list(draw_nlvr(tmp_path, ["1-0", "2-0"]))


def test_dev_as_training_data_divides_dev() -> None:
    parts = [{e.id for e in read(FIXTURES, "nlvr_dev", split)} for split in ("train", "dev")]
    assert parts[0] | parts[1] == {e.id for e in read(FIXTURES, "nlvr", "dev")}
    assert not parts[0] & parts[1]
