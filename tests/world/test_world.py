"""What every task of the embedded world promises: determinism, closed vocabulary, disjoint splits, parallel tests."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.jsonl import to_record
from xstilts.formats.mlm import MlmExample
from xstilts.formats.span import SpanExample
from xstilts.formats.tag import TagExample
from xstilts.world import LANGUAGES, TASK_NAMES, WorldConfig, generate, list_words
from xstilts.world.clause import Token
from xstilts.world.concepts import ANTONYM, CATEGORIES, CATEGORY_OF, DOMAINS, TAG_OF, VERBS
from xstilts.world.draw import SIZES, assign_split, draw_meanings, get_size
from xstilts.world.inference import MEANINGS, NLI_OF_DOMAIN, Pair
from xstilts.world.tagging import label_entities
from xstilts.world.tongue import make_lexicons

SMALL = WorldConfig(
    text=60, nli=80, paraphrase=80, squad=80, tydiqa=80, pos=80, ner=80, choice=80, nli_domain=80, xvnli=80, dev=30, test=40
)
SUPERVISED = tuple(name for name in TASK_NAMES if name not in ("text", "retrieval"))


def strings(example: Example) -> tuple[str, ...]:
    """All text of an example."""
    match example:
        case ClassifyExample() | MlmExample():
            return example.texts
        case ImagePairExample():
            return (example.text, example.caption)
        case ChoiceExample():
            return (example.prompt, *example.choices)
        case TagExample():
            return (" ".join(example.words),)
        case SpanExample():
            return (example.question, example.context)
        case BitextRetrievalExample():
            return (example.text, example.english)


def digest_of_test(task: str) -> str:
    records = [to_record(example) for example in generate(SMALL, task, "test", "l4")]
    return hashlib.sha256(json.dumps(records).encode()).hexdigest()


def test_the_config_can_be_written_as_json() -> None:
    assert WorldConfig(**json.loads(json.dumps(asdict(SMALL)))) == SMALL


def test_the_same_config_gives_the_same_bytes_in_another_process() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_world as w; print(*map(w.digest_of_test, w.TASK_NAMES))"
    folder = str(__file__).rpartition("/")[0]
    result = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [digest_of_test(task) for task in TASK_NAMES]


@given(seed=st.integers(0, 2**31), language=st.sampled_from(LANGUAGES), task=st.sampled_from(TASK_NAMES))
@settings(max_examples=25, deadline=None)
def test_no_word_is_unknown_in_any_world(seed: int, language: str, task: str) -> None:
    config = replace(SMALL, seed=seed, text=20, test=10)
    known = set(list_words(config))
    for example in generate(config, task, "train" if task == "text" else "test", language):
        assert all(set(text.split()) <= known and text == " ".join(text.split()) for text in strings(example))


def test_worlds_of_different_seeds_differ_and_foreign_words_are_nobody_elses() -> None:
    assert list_words(SMALL) != list_words(replace(SMALL, seed=1))
    coined = [
        word
        for code, lexicon in make_lexicons(SMALL).items()
        for concept, word in lexicon.items()
        if code == "en" or word != concept
    ]
    assert len(coined) == len(set(coined))


def test_languages_share_fewer_words_with_english_from_l1_to_l5() -> None:
    shared = [sum(make_lexicons(SMALL)[code][concept] == concept for concept in make_lexicons(SMALL)["en"]) for code in LANGUAGES]
    assert shared == sorted(shared, reverse=True)
    assert shared[0] == len(TAG_OF) - 1


@pytest.mark.parametrize("task", TASK_NAMES)
def test_sizes_and_ids(task: str) -> None:
    splits = {"text": ("train", "dev"), "retrieval": ("test",)}.get(task, ("train", "dev", "test"))
    for split in splits:
        ids = [example.id for example in generate(SMALL, task, split, "en")]
        assert len(set(ids)) == len(ids) == get_size(SMALL, task, split)


@pytest.mark.parametrize("task", SUPERVISED)
def test_splits_are_disjoint_and_without_repetitions(task: str) -> None:
    size = SIZES.get(task, task.partition("_")[0])
    config = replace(SMALL, **{size: 400}, dev=100, test=100)
    assert get_size(config, task, "train") == 400
    if task == "hypothesis":
        return  # a sentence may be said of two pictures
    all_strings = [strings(e) for split in ("train", "dev", "test") for e in generate(config, task, split, "en")]
    assert len(set(all_strings)) == len(all_strings)


@pytest.mark.parametrize("task", [*SUPERVISED, "retrieval"])
def test_test_sets_are_parallel(task: str) -> None:
    rows = [list(generate(SMALL, task, "test", language)) for language in LANGUAGES]
    assert len({tuple(e.id for e in row) for row in rows}) == 1
    if task in ("nli", "paraphrase", "choice", "retrieval", *NLI_OF_DOMAIN):
        assert len({tuple(e.answer for e in row) for row in rows}) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["squad", "tydiqa"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_lie_in_their_contexts(task: str, language: str) -> None:
    for example in generate(SMALL, task, "test", language):
        assert isinstance(example, SpanExample)
        assert example.answer
        for answer in example.answer:
            end = answer.start + len(answer.text)
            assert answer.text
            assert example.context[answer.start : end] == answer.text
            assert (" " + example.context)[answer.start] == " " == example.context[end]


def test_the_anchor_knobs_do_what_they_say() -> None:
    def anchored(config: WorldConfig) -> tuple[float, float]:
        documents = [e for e in generate(config, "text", "train", "l3") if isinstance(e, MlmExample)]
        english = set(make_lexicons(config)["en"].values()) - set(make_lexicons(config)["l3"].values())
        single = [e for e in documents if len(e.texts) == 1]
        switched = sum(bool(english & set(e.texts[0].split())) for e in single)
        return switched / len(documents), 1 - len(single) / len(documents)

    none = replace(SMALL, text=600, switch_rate=0.0, pair_rate=0.0)
    assert anchored(none) == (0.0, 0.0)
    switched, pairs = anchored(replace(none, switch_rate=0.4, pair_rate=0.3))
    assert abs(switched - 0.4) < 0.08
    assert abs(pairs - 0.3) < 0.08


def test_paraphrases_have_the_same_words() -> None:
    for example in generate(SMALL, "paraphrase", "test", "en"):
        assert isinstance(example, ClassifyExample)
        first, second = example.texts
        assert sorted(first.split()) == sorted(second.split())
        assert first != second


def test_domains_share_out_the_categories() -> None:
    assert sorted(category for pair in DOMAINS.values() for category in pair) == sorted(CATEGORIES)


@pytest.mark.parametrize("domain", DOMAINS)
def test_inference_by_domain_speaks_of_nothing_else(domain: str) -> None:
    """Of its ten nouns, their two kinds and its verbs it uses all; every verb comes with its antonym."""
    content = {*CATEGORY_OF, *CATEGORIES, *VERBS}
    examples = generate(replace(SMALL, nli_domain=800), f"nli_{domain}", "train", "en")
    used = {word for example in examples for text in strings(example) for word in text.split()} & content
    nouns, verbs = used - set(VERBS), used & set(VERBS)
    assert nouns == {*DOMAINS[domain], *(noun for noun, category in CATEGORY_OF.items() if category in DOMAINS[domain])}
    assert len(verbs) == 8
    assert {ANTONYM[verb] for verb in verbs} == verbs


@pytest.mark.parametrize("task", NLI_OF_DOMAIN)
def test_an_example_by_domain_is_in_the_split_that_inference_would_give_it(task: str) -> None:
    """So no training example of a domain can be a test example of `nli`, or of the domain."""
    for _, meant in draw_meanings(SMALL, task, "train", MEANINGS[task]):
        assert meant
        assert assign_split(Pair(meant.first, meant.second, meant.label)) == "train"


def test_entities_of_adjacent_roles_are_told_apart() -> None:
    names = [Token("novak", "agent"), Token("company", "agent"), Token("ana", "patient"), Token("silva", "patient")]
    assert label_entities([*names, Token("in"), Token("torin", "place")]) == (
        *("B-ORG", "I-ORG", "B-PER", "I-PER"),
        *("O", "B-LOC"),
    )


def test_the_world_needs_no_torch() -> None:
    code = "import sys, xstilts.world; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(KeyError, match="xnli"):
        generate(SMALL, "xnli", "test", "en")
