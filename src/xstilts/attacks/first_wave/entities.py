"""Entity swap: an entity of a tagged sentence becomes another entity of the same type and length out of the same test set."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random

from xstilts.attacks.attack import Attack, Pool, Variant, edit_example
from xstilts.attacks.edits import Edit
from xstilts.formats.format import Example, Format
from xstilts.formats.tag import Tag, TagExample


def wants_entities(format: Format) -> str:
    labels = format.labels if isinstance(format, Tag) else ()
    return "" if any(label.startswith("B-") for label in labels) else "it needs entities (labels B-X and I-X)"


def find_entities(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """(type, first word, end) of each entity. One begins at B-X, and at an I-X that continues nothing."""
    first = 0
    for place in range(1, len(tags) + 1):
        kind = tags[first][2:]
        if place == len(tags) or tags[place] != f"I-{kind}" or tags[first] == "O":
            if tags[first] != "O":
                yield kind, first, place
            first = place


@lru_cache(maxsize=8)
def _list_entities(pool: Pool) -> dict[tuple[str, int], list[tuple[str, ...]]]:
    """(type, number of words) -> the entities of the pool, sorted."""
    found: dict[tuple[str, int], set[tuple[str, ...]]] = defaultdict(set)
    for example in pool.same:
        if isinstance(example, TagExample) and example.answer:
            for kind, first, end in find_entities(example.answer):
                found[kind, end - first].add(example.words[first:end])
    return {key: sorted(entities) for key, entities in found.items()}


def swap_entities(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The sentence with other entities. Words and tags stay as many, and every tag stays."""
    assert isinstance(example, TagExample)
    entities = list(find_entities(example.answer or ("O",)))
    rng.shuffle(entities)
    edits: list[Edit] = []
    for kind, first, end in entities[: max(1, int(budget * len(entities) + 1e-9))]:
        others = [other for other in _list_entities(pool).get((kind, end - first), ()) if other != example.words[first:end]]
        if others:
            edits += [
                Edit(first + i, 0, len(example.words[first + i]), word)
                for i, word in enumerate(rng.choice(others))
                if word != example.words[first + i]
            ]
    return edit_example(example, edits)


ENTITIES = Attack(
    name="entities",
    title="other entities",
    description="Entities become others of the same type and as many words, out of the same test set. All tags stay.",
    level="R0",
    goal="invariance",
    formats=(Tag,),
    cite="Lin et al. 2021 (RockNER)",
    compose=swap_entities,
    wants=wants_entities,
    unit="share of entities",
    resource="entities of the same test set",
)
