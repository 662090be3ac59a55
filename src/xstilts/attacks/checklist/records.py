"""The records: all kinds of items together, one kind each, and `checklist_from`, which makes the attack of a user's templates.

An item has nothing of the example in whose place it stands: the test set says only how many items there are.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

from xstilts.attacks.attack import Attack, Compose, Pool, Variant
from xstilts.attacks.checklist.templates import OWN, hash_templates, list_languages, read_items
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.world import LANGUAGES as WORLD

VERSION = 1  # rises when a template changes
KINDS = {
    "comparison": "who is older, or younger: adjectives and their opposites",
    "intensity": "who is more tired, or less: a little against very",
    "property": "the colour, size or material of a thing, which has all three",
    "job": "a job and a nationality in one sentence",
    "animal": "an animal and a vehicle in one sentence",
    "negation": "not one but the other",
}


def _draw_item(folder: Path, kind: str) -> Compose:
    """An item of a kind ("": of any, each as often), of each template as often."""

    def compose(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
        found = read_items(folder / f"{language}.tsv")
        item = rng.choice(rng.choice(found[kind or rng.choice(list(found))]))
        answer = SpanAnswer(item.answer, item.context.index(item.answer))
        return Variant(SpanExample(example.id, item.question, item.context, (answer,)), example.id)

    return compose


def _leave_out(folder: Path, kind: str, missing: str) -> Callable[[str], str]:
    languages = list_languages(folder)

    def leaves_out(language: str) -> str:
        if language not in languages:
            return "its words follow from the seed of the embedded world, so no file has them" if language in WORLD else missing
        return "" if not kind or kind in read_items(folder / f"{language}.tsv") else f"its templates have no kind {kind!r}"

    return leaves_out


def _record(name: str, kind: str) -> Attack:
    what = KINDS[kind] if kind else f"of the kinds {', '.join(KINDS)}, each as often"
    return Attack(
        name=name,
        title=f"checklist: {kind or 'all kinds'}",
        description=f"An item from a template in the place of the example: {what}. The share right counts.",
        level="R0",
        goal="minimum functionality",
        formats=(Span,),
        cite="Ribeiro et al. 2020 (CheckList); Ruder et al. 2021 (MultiCheckList, for question answering in many languages)",
        compose=_draw_item(OWN, kind),
        stands_alone=True,
        leaves_out=_leave_out(OWN, kind, "no templates are written in it; a file of your own is read as well"),
        version=VERSION,
        resource="templates written for this package",
    )


CHECKLIST = _record("checklist", "")
CHECKLISTS = tuple(_record(f"checklist_{kind}", kind) for kind in KINDS)


def checklist_from(folder: Path, name: str, kind: str = "") -> Attack:
    """The attack of a user's own templates, in the languages whose files the folder has. `kind`: one of theirs, or "" for all.
    Raises InputError if there is no file, or for one that `read_items` does not take."""
    languages = list_languages(folder)
    if not languages:
        raise InputError(f"{folder}: expected templates as files named by their language, such as de.tsv")
    items = {code: read_items(folder / f"{code}.tsv") for code in languages}
    if kind and not any(kind in found for found in items.values()):
        known = dict.fromkeys(kind for found in items.values() for kind in found)
        raise InputError(f"{folder}: no template is of the kind {kind!r}; expected one of {', '.join(known)}")
    count = sum(len(template) for found in items.values() for own in found.values() for template in own)
    return Attack(
        name=name,
        title=f"checklist of {folder.name}",
        description=f"An item from a template of {folder.name} in the place of the example. The share right counts.",
        level="R0",
        goal="minimum functionality",
        formats=(Span,),
        cite="our own",
        compose=_draw_item(folder, kind),
        stands_alone=True,
        leaves_out=_leave_out(folder, kind, f"{folder.name} has no file for it"),
        resource=f"{folder.name}: {count:,} items in {', '.join(languages)}",
        license="your own",
        declared=hash_templates(folder),
    )
