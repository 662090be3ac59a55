"""Items from templates: those of the package, and a user's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xstilts.attacks.attack import Attack
from xstilts.attacks.checklist.records import CHECKLIST, CHECKLISTS, KINDS, VERSION, checklist_from
from xstilts.attacks.checklist.templates import OWN, Item, hash_templates, list_languages, read_items
from xstilts.attacks.edits import parts
from xstilts.attacks.registry import find_attack
from xstilts.attacks.variants import make_variants
from xstilts.errors import InputError
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.tasks.registry import find_task

EXAMPLES = [SpanExample(f"q{i}", "What?", "A context.", (SpanAnswer("context", 2),)) for i in range(60)]
TEMPLATES = """\
# my own
{name}\tAda\tBob\tCy
{quality}\ttall|short\told|young

size\t{name1} is {quality}, {name2} is {quality.2}.\tWho is {quality}?\t{name1}
colour\tThe door is red.\tWhich colour?\tred
"""


@pytest.mark.parametrize("language", list_languages(OWN))
def test_the_templates_of_the_package(language: str) -> None:
    """All kinds in every language, each text whole, and each answer once in its context (`read_items` refuses it else)."""
    found = read_items(OWN / f"{language}.tsv")
    assert list(found) == list(KINDS)
    for kind, templates in found.items():
        items = [item for template in templates for item in template]
        assert len(items) >= 140 and len(set(items)) == len(items), kind
        assert not any(re.search(r"[{}|\t]|  |^\s|\s$", text) for item in items[::7] for text in (item.context, item.question))
        assert all(item.context.endswith((".", "。")) and item.question.endswith(("?", "？")) for item in items)
        asked = {(item.context, item.question): item.answer for item in items}
        assert len(asked) == len(items), f"{kind}: one question has two answers"


def test_changed_templates_raise_the_version() -> None:
    """If this fails: raise VERSION and write the new hash here."""
    assert (VERSION, hash_templates(OWN)[:16]) == (1, "436ff86cffcd8fa7")


@pytest.mark.parametrize("attack", [CHECKLIST, *CHECKLISTS], ids=lambda attack: attack.name)
def test_an_item_stands_in_the_place_of_each_example(attack: Attack) -> None:
    made = make_variants(attack, EXAMPLES, "de", seed=0, count=3)
    assert not made.untouched and attack.counts == "mean" and attack.misfits(find_task("xquad").format, "xquad") == ""
    items = read_items(OWN / "de.tsv")
    kinds = {item: kind for kind, templates in items.items() for template in templates for item in template}
    drawn = set()
    for variant in made.variants:
        one = variant.example
        assert isinstance(one, SpanExample) and one.answer and not variant.edits
        (gold,) = one.answer
        assert one.context[gold.start : gold.start + len(gold.text)] == gold.text
        drawn.add(kinds[Item(one.context, one.question, gold.text)])
    assert drawn == ({attack.name.removeprefix("checklist_")} if attack is not CHECKLIST else set(KINDS))
    assert "no templates are written in it" in attack.excludes("th") and "seed of the embedded world" in attack.excludes("l1")


def test_templates_of_a_user(tmp_path: Path) -> None:
    (tmp_path / "en.tsv").write_text("\ufeff" + TEMPLATES, encoding="utf-8")
    items = read_items(tmp_path / "en.tsv")
    assert items["colour"] == ((Item("The door is red.", "Which colour?", "red"),),)
    (sizes,) = items["size"]
    assert len(sizes) == 3 * 2 * 2 and sizes[0] == Item("Ada is tall, Bob is short.", "Who is tall?", "Ada")
    attack = checklist_from(tmp_path, "mine", "size")
    assert attack.resource.endswith("13 items in en")
    assert attack.excludes("en") == "" and "has no file for it" in attack.excludes("de")
    made = make_variants(attack, EXAMPLES, "en", seed=0)
    assert {parts(variant.example)[0] for variant in made.variants} == {"Who is tall?", "Who is old?"}
    with pytest.raises(InputError, match=r"no template is of the kind 'sise'; expected one of size, colour"):
        checklist_from(tmp_path, "mine", "sise")
    with pytest.raises(InputError, match=r"expected templates as files named by their language, such as de\.tsv"):
        checklist_from(tmp_path / "none", "mine")
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\nfrom xstilts.attacks.checklist.records import checklist_from\n"
        'ATTACK = checklist_from(Path(__file__).parent, "mine")\n'
    )
    before = find_attack("mine.py", tmp_path).declared
    (tmp_path / "de.tsv").write_text("farbe\tDie Tür ist rot.\tWelche Farbe?\trot\n", encoding="utf-8")
    (tmp_path / "en.tsv").write_text("size\tIt is big.\tHow big?\tbig\n", encoding="utf-8")
    after = find_attack("mine.py", tmp_path)
    (one,) = make_variants(after, EXAMPLES[:1], "en", seed=0).variants
    assert parts(one.example) == ("How big?", "It is big."), "files are read as they are now"
    assert after.declared != before and after.excludes("de") == ""
    assert checklist_from(tmp_path, "mine", "size").excludes("de") == "its templates have no kind 'size'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no templates; expected lines of kind, context, question and answer"),
        ("size\tA is B.\tWho?\n", "line 1: expected kind, context, question and answer between tabs, found 3 fields"),
        ("size\t{nme} is B.\tWho?\tB\n{name}\tA\n", r"line 1: no line defines the slot \{nme\}; expected one of name"),
        ("{name}\tA\n{name}\tB\n", r"line 2: expected a new slot such as \{name\}, a tab and its values"),
        ("{name}\nsize\tA\tWho?\tA\n", r"line 1: expected a new slot"),
        ("{name}\tAnn\tAnnabel\nsize\t{name1}, {name2}.\tWho?\t{name1}\n", "line 2: the answer 'Ann' occurs 2 times in 'Ann,"),
        ("size\tIt is red.\tWhat?\tblue\n", "the answer 'blue' occurs 0 times in 'It is red.'; expected once"),
        ("{name}\tA|B\tC\nsize\t{name.2}!\tWho?\t{name.2}\n", r"line 2: \{name\.2\} asks for a form that 'C' does not have"),
        ("{name}\tAnn\nsize\t{name1}, {name2}.\tWho?\t{name1}\n", "line 2: no item, since a slot has fewer values"),
        ("{n}" + "\ta" * 30 + "\nsize\t{n1}{n2}{n3}\tWho?\t{n1}\n", "line 2: it has 27,000 items, at most 20,000"),
    ],
)  # fmt: skip
def test_what_is_no_template_is_said(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "en.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_items(tmp_path / "en.tsv")


def test_templates_in_another_encoding_are_refused(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_bytes("farbe\tDie Tür\tWas?\tTür\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"de\.tsv: not UTF-8 \(byte 11\); save it as UTF-8"):
        checklist_from(tmp_path, "mine")
