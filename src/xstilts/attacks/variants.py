"""Variants of a test set: a fixed number of each example, the same bytes whatever the batch, the order or the worker."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from xstilts.attacks.attack import Attack, Pool, Variant, number_variant
from xstilts.errors import InputError
from xstilts.formats.format import Example


@dataclass(frozen=True)
class Made:
    """`variants` in the order of the examples and, within one, of their numbers. `untouched`: the ids of examples in which
    nothing could be edited. `repeated`: how many draws gave a variant once more; it is left out, and its number is not used."""

    variants: tuple[Variant, ...]
    untouched: tuple[str, ...]
    repeated: int


def make_variants(
    attack: Attack,
    examples: Sequence[Example],
    language: str,
    *,
    seed: int,
    count: int = 1,
    budget: float | None = None,
    pool: Pool | None = None,
) -> Made:
    """Up to `count` variants of each example, numbered from 0. `pool` is the whole test set (default: the examples).

    Number n does not depend on `count`, so that more variants are a superset. A larger budget edits the words of a smaller one
    and more. Raises InputError for a language or a budget that does not fit, for examples of another format, and for an id that
    occurs twice."""
    budget = attack.check(language, budget)
    if count < 1:
        raise InputError(f"attack {attack.name}: {count} variants of each example, expected 1 or more")
    check_examples(attack, examples)
    pool = Pool(same=examples) if pool is None else pool
    variants: list[Variant] = []
    untouched: list[str] = []
    repeated = 0
    for example in examples:
        found = [
            (number, variant)
            for number in range(count)
            if (variant := draw_variant(attack, example, language, number, seed=seed, budget=budget, pool=pool))
        ]
        seen: set[tuple[Example, int | None]] = set()
        for number, variant in found:
            if variant.content in seen:
                repeated += 1
            else:
                seen.add(variant.content)
                variants.append(number_variant(variant, number))
        if not found:
            untouched.append(example.id)
    return Made(tuple(variants), tuple(untouched), repeated)


def draw_variant(
    attack: Attack, example: Example, language: str, number: int, *, seed: int, budget: float, pool: Pool
) -> Variant | None:
    """Variant `number` of an example, with the example's own id; None if nothing can be edited."""
    if attack.cuts:
        return Variant(example, example.id, draw=number)
    rng = seeded(seed, attack, example, language, number)
    return attack.make(example, language, rng, budget, pool)


def seeded(seed: int, attack: Attack, example: Example, language: str, number: int) -> Random:
    """The generator of one variant. It depends on nothing but the arguments."""
    return Random(repr((seed, f"{attack.name}@{attack.version}", example.id, language, number)))


def check_examples(attack: Attack, examples: Sequence[Example]) -> None:
    """Raises InputError for examples of a format that the attack is not for, and for an id that occurs twice."""
    kinds = tuple(kind for format in attack.formats for kind in format.examples)
    for example in examples:
        if not isinstance(example, kinds):
            names = ", ".join(format.name for format in attack.formats)
            raise InputError(f"attack {attack.name}: example {example.id} is a {type(example).__name__}; it is for {names}")
    twice = [id for id, times in Counter(example.id for example in examples).items() if times > 1]
    if twice:
        raise InputError(f"attack {attack.name}: the id {twice[0]!r} occurs twice; ids of examples must be unique")
