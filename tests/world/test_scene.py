"""Pictures of events: every label has its reason in scene and sentence together, and in neither alone."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
from tests.world.test_leaks import accuracy, limit

from xstilts.formats.classify import ClassifyExample
from xstilts.formats.image_pair import ImagePairExample
from xstilts.world import LANGUAGES, WorldConfig, generate
from xstilts.world.draw import draw_meanings
from xstilts.world.scene import GREY, SHOWN, SIDE, SIZE, Scene, draw_scene, draw_seen, judge

WORLD = WorldConfig(xvnli=3000, test=1000)


@cache
def examples(split: str, language: str = "en") -> tuple[ImagePairExample, ...]:
    return tuple(e for e in generate(WORLD, "xvnli", split, language) if isinstance(e, ImagePairExample))


def glyphs(scene: Scene) -> list[np.ndarray]:
    pixels = np.frombuffer(draw_scene(scene), np.uint8).reshape(SIZE[1], SIZE[0], 3)
    return [pixels[y : y + SIDE, x : x + SIDE] for y in range(0, SIZE[1], SIDE) for x in range(0, SIZE[0], SIDE)]


def test_scene_and_sentence_decide_every_label() -> None:
    for split in ("train", "test"):
        for _, (scene, sentence, label) in draw_meanings(WORLD, "xvnli", split, draw_seen):
            assert judge(scene, sentence) == label


def test_labels_change_with_the_scene() -> None:
    """With scenes of other examples at most a few labels stay what they were by accident."""
    seen = [meaning for _, meaning in draw_meanings(WORLD, "xvnli", "test", draw_seen)]
    scenes = [one.scene for one in seen]
    random.Random(0).shuffle(scenes)
    same = [judge(scene, one.sentence) == one.label for scene, one in zip(scenes, seen, strict=True)]
    assert np.mean(same) < 0.4


@pytest.mark.parametrize("part", ["text", "picture"])
def test_neither_side_alone_tells_the_label(part: str) -> None:
    train, test = examples("train"), examples("test")
    columns = [[getattr(e, part).replace("-", " ") for e in some] for some in (train, test)]
    found = accuracy(columns[0], [str(e.answer) for e in train], columns[1], [str(e.answer) for e in test])
    assert found < limit(1 / 3)


def test_a_scene_is_drawn_from_its_name_and_shows_each_concept_in_its_place() -> None:
    known: dict[bytes, str] = {}
    for example in examples("test"):
        scene = Scene.of_name(example.picture)
        assert scene.name == example.picture
        drawn = glyphs(scene)
        for concept, glyph in zip(scene, drawn, strict=False):
            if concept:
                assert known.setdefault(glyph.tobytes(), concept) == concept
            else:
                assert (glyph == GREY).all()
        assert all((glyph == GREY).all() for glyph in drawn[len(scene) :])
        assert bool(scene.place) != bool(scene.time)
    assert set(known.values()) == {concept for concepts in SHOWN.values() for concept in concepts}


@pytest.mark.parametrize(
    "name", ["", "ana-feed-dog-market", "ana-feed-dog-market-market", "-feed-dog-market-", "ana-feed-dog-market-x"]
)
def test_a_name_that_spells_no_scene(name: str) -> None:
    with pytest.raises(ValueError, match="spells no scene"):
        Scene.of_name(name)


def test_all_languages_show_the_same_pictures_with_the_same_labels() -> None:
    english = examples("test")
    for language in LANGUAGES[1:]:
        for one, other in zip(english, examples("test", language), strict=True):
            assert (one.id, one.picture, one.answer) == (other.id, other.picture, other.answer)


def test_the_texts_are_those_of_the_pictures() -> None:
    for task, parts in (("caption", ("caption", "text")), ("hypothesis", ("text",))):
        for one, other in zip(examples("test", "l1"), generate(WORLD, task, "test", "l1"), strict=True):
            assert isinstance(other, ClassifyExample)
            assert (other.id, other.texts, other.answer) == (one.id, tuple(getattr(one, part) for part in parts), one.answer)
