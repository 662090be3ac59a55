"""An attack is a record: what it changes, for which formats and languages, how much, and what must stay the same.

There are three ways to make a variant of an example, and an attack has one of them. `vary` gives another spelling of one word
(`vary_in` if it must see the example around the word); the words are then drawn here, and a search (`search.py`) can try them
one by one. `compose` makes the whole variant. All draw from the generator that they are given and from nothing else.

The third, `cuts`, leaves the text as it is: the victim's own tokenizer cuts it into other pieces. The variant is a copy with a
number, and whoever encodes it draws the cuts by its id (`model/segmentation.py`).

An attack `by_model` has none of these: the victim's own model says what to change (`model_based.py`), so there is no fixed set of
its variants.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any, Literal

from xstilts.attacks.edits import Edit, Place, allow_words, apply, list_places, parts, respell_place
from xstilts.attacks.text import find_words
from xstilts.data.language import LANGUAGES, explain_code
from xstilts.data.script import SCRIPTS
from xstilts.errors import InputError
from xstilts.formats.format import Example, Format
from xstilts.formats.image_pair import ImagePairExample

Level = Literal["R0", "R1", "R2", "R3", "R4"]
Goal = Literal["invariance", "directional", "minimum functionality", "ablation"]
WHOLE = "the whole example"  # the unit of a budget that cannot be chosen
SHARE = "share"  # how the unit of a budget begins that is no whole number
LEVELS: dict[Level, str] = {
    "R0": "corruption: drawn at random",
    "R1": "languages mixed: texts, phrases or words of the same example in another language",
    "R2": "transfer: found on another model",
    "R3": "adaptive: found by asking the victim",
    "R4": "gradients of the victim",
}


@dataclass(frozen=True)
class Variant:
    """An attacked example. Its id is "<id of the clean example>#<number>"; `source` is the clean id. `edits` lead from the clean
    example to it, in the order of the text; there are none if texts were exchanged whole. `languages`: the language of each
    text, if they differ. `draw`: the number of a variant whose text is the clean one, since it is only cut otherwise."""

    example: Example
    source: str
    edits: tuple[Edit, ...] = ()
    languages: tuple[str, ...] = ()
    draw: int | None = None

    @property
    def content(self) -> tuple[Example, int | None]:
        """What a model reads: two variants with the same content are one."""
        return replace(self.example, id=self.source), self.draw


@dataclass(frozen=True, eq=False)
class Pool:
    """What else an attack may read: `same`, the clean examples of the same task, split and language; `parallel`, those of all
    languages by language and id. Give the whole test set, whatever part of it is attacked: what is drawn depends on it."""

    same: Sequence[Example] = ()
    parallel: Mapping[str, Mapping[str, Example]] = field(default_factory=dict)

    @cached_property
    def spellings(self) -> frozenset[str]:
        """The words of `same` as they are written."""
        texts = [text for example in self.same for text in parts(example)]
        return frozenset(text[start:end] for text in texts for start, end in find_words(text))

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of `same` without case. A misspelling that is one of them would be another word, so it is not made."""
        return frozenset(word.casefold() for word in self.spellings)

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """The names of the pictures of `same`, sorted."""
        return tuple(sorted({example.picture for example in self.same if isinstance(example, ImagePairExample)} - {""}))

    @cached_property
    def shared_ids(self) -> frozenset[str]:
        """The ids that all languages of `parallel` have."""
        tables = list(self.parallel.values())
        return frozenset(tables[0]).intersection(*tables[1:]) if tables else frozenset()


Vary = Callable[[str, str, Random, Pool], str | None]
VaryIn = Callable[[Example, Place, str, Random, Pool], str | None]
Compose = Callable[[Example, str, Random, float, Pool], Variant | None]


def any_format(format: Format) -> str:
    """For attacks that fit all tasks of their formats."""
    return ""


def any_language(language: str) -> str:
    """For attacks that look at no letter."""
    return ""


@dataclass(frozen=True)
class Attack:
    """`name` stands in keys and files; `version` rises when variants change. `level` and `goal` are those of `LEVELS` and of
    CheckList: the answer stays (invariance), changes in a known way (directional), or is known from the form alone (minimum
    functionality). An ablation takes away what the answer rests on. `stands_alone`: a variant has nothing of the clean example,
    and is right or wrong by itself. Of both the mean over variants counts, not their worst (`counts`).
    `formats`: the formats that it fits; `wants(format)`: why it does not fit one of them, "" if it does; `tasks`: the only tasks
    where it makes sense, if the format does not tell. `leaves_out(language)`: why a language has no such attack.

    `budget`: the usual one, `most`: the largest one, `unit`: what is counted. A unit that begins with "share" is a share of the
    words (or entities) of the example, at least one of them; any other is a whole number. `vary(word, language, rng, pool)`:
    another spelling, None if there is none; `vary_in(example, place, language, rng, pool)`: the same for a word in its example.
    `compose(example, language, rng, budget, pool)`: a variant, None if nothing can be edited. `cuts`: the text stays, and its cut
    into pieces is drawn (see `find_exponent`). `by_model`: the victim's model makes the variants. `mixes_languages`: whether it
    reads the same examples in other languages (`Pool.parallel`). `resource`, `license`, `cite`: what it reads, under which
    licence, and whose idea it is. `declared`: the identity of a user's own file."""

    name: str
    title: str
    description: str
    level: Level
    goal: Goal
    formats: tuple[type[Format], ...]
    cite: str
    vary: Vary | None = None
    vary_in: VaryIn | None = None
    compose: Compose | None = None
    cuts: bool = False
    mixes_languages: bool = False
    by_model: bool = False
    stands_alone: bool = False
    leaves_out: Callable[[str], str] = any_language
    wants: Callable[[Format], str] = any_format
    tasks: tuple[str, ...] = ()
    budget: float = 1
    most: float = 1
    unit: str = WHOLE
    version: int = 1
    resource: str = "none"
    license: str = "Apache-2.0"
    declared: str = ""

    def __post_init__(self) -> None:
        given = [way for way in ("vary", "vary_in", "compose", "cuts") if getattr(self, way)]
        if len(given) != 1 and not self.by_model:
            found = " and ".join(given) or "none"
            raise InputError(f"attack {self.name}: expected one of `vary`, `vary_in`, `compose` and `cuts`, found {found}")
        if self.by_words and not self.unit.startswith(SHARE):
            raise InputError(f"attack {self.name}: unit {self.unit!r}; a budget of `vary` is a share, as in 'share of words'")
        if not 0 < self.budget <= self.most:
            raise InputError(f"attack {self.name}: the budget is {self.budget:g}, expected more than 0 and at most {self.most:g}")

    @property
    def by_words(self) -> bool:
        """Whether it edits word by word, in ways of its own."""
        return self.vary is not None or self.vary_in is not None

    @property
    def counts(self) -> Literal["worst", "mean"]:
        """Which of an example's variants counts."""
        return "mean" if self.stands_alone or self.goal == "ablation" else "worst"

    def excludes(self, language: str) -> str:
        """Why the attack does not apply to a language; "" if it does."""
        if language not in LANGUAGES:
            return f"unknown language {language!r}{explain_code(language)}"
        script = LANGUAGES[language].script
        if self.leaves_out is not any_language and script not in SCRIPTS:
            return f"nothing is known of the script {script}; add a row to `SCRIPTS` of xstilts.data.script"
        return self.leaves_out(language)

    def misfits(self, format: Format, task: str) -> str:
        """Why the attack does not fit a task and its format; "" if it does."""
        if not isinstance(format, self.formats):
            return f"it is for the format {' or '.join(one.name for one in self.formats)}, and {task} is {format.describe()}"
        if self.tasks and task not in self.tasks:
            return f"it makes sense for {', '.join(self.tasks)} only, not for {task}"
        return self.wants(format)

    def check(self, language: str, budget: float | None = None) -> float:
        """The budget, the usual one if None is given. Raises InputError if the language or the budget does not fit."""
        if trouble := self.excludes(language):
            raise InputError(f"attack {self.name}: language {language} is left out: {trouble}")
        return self.check_budget(budget)

    def check_budget(self, budget: float | None) -> float:
        """The budget, the usual one if None is given. Raises InputError if it does not fit."""
        budget = self.budget if budget is None else budget
        if not 0 < budget <= self.most:
            raise InputError(
                f"attack {self.name}: budget {budget:g}, expected more than 0 and at most {self.most:g} ({self.unit});"
                f" the usual one is {self.budget:g}"
            )
        if not self.unit.startswith(SHARE) and budget != int(budget):
            raise InputError(f"attack {self.name}: budget {budget:g}, expected a whole number ({self.unit})")
        return budget

    def make(self, example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
        """One random variant with the id of the clean example; None if nothing can be edited."""
        if self.compose:
            return self.compose(example, language, rng, budget, pool)
        places = list_places(example)
        edits: list[Edit] = []
        for place in rng.sample(places, len(places)):
            if len(edits) == allow_words(budget, len(places)):
                break
            if edit := self.respell(example, place, language, rng, pool):
                edits.append(edit)
        return edit_example(example, edits)

    def respell(self, example: Example, place: Place, language: str, rng: Random, pool: Pool) -> Edit | None:
        """A random edit of one word; None if the attack gives none, or if it would cut through an answer."""
        if self.vary_in:
            new = self.vary_in(example, place, language, rng, pool)
        else:
            assert self.vary is not None
            new = self.vary(place.word, language, rng, pool)
        return respell_place(example, place, new)


def edit_example(example: Example, edits: Sequence[Edit], **fields: Any) -> Variant | None:
    """The variant that these edits make; None if they change nothing or cut through an answer. `fields`: what else changes."""
    changed = apply(example, edits)
    if changed is None or changed == example:
        return None
    changed = replace(changed, **fields)
    return Variant(changed, example.id, tuple(sorted(edits, key=lambda edit: (edit.part, edit.start))))


def number_variant(variant: Variant, number: int) -> Variant:
    """The variant with the id that its number gives, which for a cut is that of its draw."""
    number = number if variant.draw is None else variant.draw
    return replace(variant, example=replace(variant.example, id=f"{variant.source}#{number}"))


def find_exponent(budget: float) -> float:
    """Of an attack that `cuts`: words are cut in proportion to the probability of the cut ** this number (Kudo 2018: alpha). A
    budget of 1 makes all cuts equally likely."""
    return round(1 - budget, 6)
