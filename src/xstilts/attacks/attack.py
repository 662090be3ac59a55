"""An attack is a record: what it changes, for which formats and languages, how much, and what must stay the same.

There are two ways to make a variant of an example, and an attack has one of them. `vary` gives another spelling of one word;
the words are then drawn here, and a search (`search.py`) can try them one by one. `compose` makes the whole variant. Both draw
from the generator that they are given and from nothing else.

What changes no text is no attack of this kind: sampling how a tokenizer cuts a text into pieces belongs to the stage that
predicts, since the example stays as it is. Such an attack would be a record with the same facts (level, goal, languages, budget
= number of samples) and neither `vary` nor `compose`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any, Literal

from xstilts.attacks.edits import Edit, allow_words, apply, cuts_answer, list_places, parts
from xstilts.attacks.text import find_words
from xstilts.data.language import LANGUAGES, explain_code
from xstilts.data.script import SCRIPTS
from xstilts.errors import InputError
from xstilts.formats.format import Example, Format
from xstilts.formats.image_pair import ImagePairExample

Level = Literal["R0", "R1", "R2", "R3", "R4"]
Goal = Literal["invariance", "directional", "minimum functionality", "ablation"]
SHARE = "share"  # how the unit of a budget begins that is no whole number
LEVELS: dict[Level, str] = {
    "R0": "corruption: drawn at random",
    "R1": "language pair: each text in a language of its own, nothing edited",
    "R2": "transfer: found on another model",
    "R3": "adaptive: found by asking the victim",
    "R4": "gradients of the victim",
}


@dataclass(frozen=True)
class Variant:
    """An attacked example. Its id is "<id of the clean example>#<number>"; `source` is the clean id. `edits` lead from the clean
    example to it, in the order of the text; there are none if texts were exchanged whole. `languages`: the language of each
    text, if they differ."""

    example: Example
    source: str
    edits: tuple[Edit, ...] = ()
    languages: tuple[str, ...] = ()


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
    functionality). An ablation takes away what the answer rests on: its score is the mean over variants, not their worst.
    `formats`: the formats that it fits; `wants(format)`: why it does not fit one of them, "" if it does; `tasks`: the only tasks
    where it makes sense, if the format does not tell. `leaves_out(language)`: why a language has no such attack.

    `budget`: the usual one, `most`: the largest one, `unit`: what is counted. A unit that begins with "share" is a share of the
    words (or entities) of the example, at least one of them; any other is a whole number. `vary(word, language, rng, pool)`:
    another spelling, None if there is none. `compose(example, language, rng, budget, pool)`: a variant, None if nothing can be
    edited. `resource`, `license`, `cite`: what it reads, under which licence, and whose idea it is. `declared`: the identity of
    a user's own file."""

    name: str
    title: str
    description: str
    level: Level
    goal: Goal
    formats: tuple[type[Format], ...]
    cite: str
    vary: Vary | None = None
    compose: Compose | None = None
    leaves_out: Callable[[str], str] = any_language
    wants: Callable[[Format], str] = any_format
    tasks: tuple[str, ...] = ()
    budget: float = 1
    most: float = 1
    unit: str = "the whole example"
    version: int = 1
    resource: str = "none"
    license: str = "Apache-2.0"
    declared: str = ""

    def __post_init__(self) -> None:
        if (self.vary is None) == (self.compose is None):
            raise InputError(f"attack {self.name}: expected one of `vary` and `compose`, found {'both' if self.vary else 'none'}")
        if self.vary and not self.unit.startswith(SHARE):
            raise InputError(f"attack {self.name}: unit {self.unit!r}; a budget of `vary` is a share, as in 'share of words'")
        if not 0 < self.budget <= self.most:
            raise InputError(f"attack {self.name}: the budget is {self.budget:g}, expected more than 0 and at most {self.most:g}")

    @property
    def mixes_languages(self) -> bool:
        """Whether it reads the same examples in other languages."""
        return self.level == "R1"

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
        assert self.vary is not None
        places = list_places(example)
        edits: list[Edit] = []
        for place in rng.sample(places, len(places)):
            if len(edits) == allow_words(budget, len(places)):
                break
            new = self.vary(place.word, language, rng, pool)
            edit = place.respell(new) if new is not None else None
            if edit and not cuts_answer(example, edit):
                edits.append(edit)
        return edit_example(example, edits)


def edit_example(example: Example, edits: Sequence[Edit], **fields: Any) -> Variant | None:
    """The variant that these edits make; None if they change nothing or cut through an answer. `fields`: what else changes."""
    changed = apply(example, edits)
    if changed is None or changed == example:
        return None
    changed = replace(changed, **fields)
    return Variant(changed, example.id, tuple(sorted(edits, key=lambda edit: (edit.part, edit.start))))


def number_variant(variant: Variant, number: int) -> Variant:
    """The variant with the id that its number gives."""
    return replace(variant, example=replace(variant.example, id=f"{variant.source}#{number}"))
