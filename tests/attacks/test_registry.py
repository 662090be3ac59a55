"""Attacks by name, a user's own file, and the pages that describe them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xstilts.attacks.attack import LEVELS, Attack
from xstilts.attacks.page import page
from xstilts.attacks.registry import ATTACKS, MODEL_ATTACKS, find_attack
from xstilts.data.language import LANGUAGES, Language
from xstilts.errors import InputError
from xstilts.formats.classify import Classify
from xstilts.tasks.registry import CATALOGUE

DOCS = Path(__file__).parents[2] / "docs"
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / "how-to" / name).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("attack", (ATTACKS | MODEL_ATTACKS).values(), ids=lambda attack: attack.name)
def test_every_record_is_complete(attack: Attack) -> None:
    assert re.fullmatch("[a-z_]+", attack.name) and find_attack(attack.name) is attack
    assert attack.level in LEVELS and attack.cite and attack.title and attack.description.endswith(".")
    assert attack.license == "Apache-2.0" and attack.resource
    assert set(attack.tasks) <= set(CATALOGUE)
    assert any(not attack.excludes(code) for code in LANGUAGES)


def test_the_page_is_the_one_that_the_records_give() -> None:
    """If not: `python -m xstilts.attacks.page > docs/attacks.md`."""
    text = page()
    assert (DOCS / "attacks.md").read_text(encoding="utf-8") == text
    for attack in (ATTACKS | MODEL_ATTACKS).values():
        section = re.sub(r"\s+", " ", text.split(f"\n## {attack.name}\n")[1].split("\n## ")[0])
        for code in LANGUAGES:
            assert attack.excludes(code) in section
        assert attack.cite in section and attack.resource in section


def test_the_example_of_the_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    own, use, _ = blocks("attack.md")
    (tmp_path / "stretch.py").write_text(own, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(use, "how-to", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"1#0 \('.*([aeiou])\1\1.*Edit\(part=", printed)
    assert "nothing to edit: ()" in printed
    assert "\n1.0 " in printed, "the keyword victim is broken"
    attack = find_attack("stretch.py", tmp_path)
    assert len(attack.declared) == 64 and attack.excludes("ru") == "its vowels are not in this file"
    (tmp_path / "stretch.py").write_text(own + "\n# another\n", encoding="utf-8")
    assert find_attack("stretch.py", tmp_path).declared != attack.declared


def test_the_word_list_of_the_how_to(tmp_path: Path) -> None:
    (tmp_path / "my_mix.py").write_text(blocks("attack.md")[2], encoding="utf-8")
    (tmp_path / "words.tsv").write_text("en\tsw\nhouse\tnyumba\n", encoding="utf-8")
    attack = find_attack("my_mix.py", tmp_path)
    assert (
        attack.name == "my_mix" and attack.mixes_languages and attack.resource.startswith("words.tsv: 1 lines; left out: 0 with")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"mine\.py: expected a file that defines ATTACK \(No such file"),
        ("ATTACK = 3", r"mine\.py: expected ATTACK = Attack\(\.\.\.\), found 3"),
        ("import nowhere", r"mine\.py: ModuleNotFoundError: No module named 'nowhere'"),
        (
            "from xstilts.attacks.registry import ATTACKS\nATTACK = ATTACKS['case']",
            r"the name 'case' is that of an attack of this",
        ),
    ],
)
def test_a_file_that_is_no_attack(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "mine.py").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        find_attack("mine.py", tmp_path)


def test_an_unknown_attack() -> None:
    with pytest.raises(InputError, match=r"no attack 'keybord' \(did you mean 'keyboard'\?\); an attack of your own is a file"):
        find_attack("keybord")
    with pytest.raises(InputError, match=r"no attack 'hotflop' \(did you mean 'hotflip'\?\)"):
        find_attack("hotflop")


def test_flips_need_words_between_blanks() -> None:
    reason = "no blanks stand between words, so a piece of the tokenizer is no word"
    assert [MODEL_ATTACKS["hotflip"].excludes(code) for code in ("zh", "th", "ko", "en", "hi")] == [reason, reason, "", "", ""]
    assert MODEL_ATTACKS["pgd"].excludes("zh") == ""


def record(**fields: object) -> Attack:
    base = {"title": "t", "description": "d.", "level": "R0", "goal": "invariance", "formats": (Classify,), "cite": "c"}
    return Attack(**{"name": "mine", **base, **fields})  # type: ignore[arg-type]


def test_a_record_that_contradicts_itself() -> None:
    with pytest.raises(InputError, match="attack mine: expected one of `vary`, `vary_in`, `compose` and `cuts`, found none"):
        record()
    with pytest.raises(InputError, match="found vary and compose"):
        record(vary=lambda *given: None, compose=lambda *given: None)
    with pytest.raises(InputError, match="found compose and cuts"):
        record(cuts=True, compose=lambda *given: None)
    with pytest.raises(InputError, match="the budget is 2, expected more than 0 and at most 1"):
        record(vary=lambda *given: None, unit="share of words", budget=2)
    with pytest.raises(InputError, match="unit 'words'; a budget of `vary` is a share, as in 'share of words'"):
        record(vary=lambda *given: None, unit="words")


def test_formats_and_tasks_that_do_not_fit() -> None:
    def why(name: str, task: str) -> str:
        return ATTACKS[name].misfits(CATALOGUE[task].format, task)

    assert why("keyboard", "xnli") == why("entities", "panx") == why("symmetry", "pawsx") == why("stress_length", "xnli") == ""
    assert why("symmetry", "xnli") == "it makes sense for pawsx, qqp, world/paraphrase only, not for xnli"
    assert why("entities", "udpos") == "it needs entities (labels B-X and I-X)"
    assert why("stress_negation", "pawsx") == "it needs the labels entailment and contradiction of two texts"
    assert why("distractor_sentence", "xcopa").startswith("it is for the format span, and xcopa is choice")
    assert ATTACKS["rename"].misfits(Classify(("a", "b"), texts=1), "reviews") == "it needs two texts"


def test_languages_that_are_left_out() -> None:
    assert ATTACKS["characters"].excludes("zh") == "a character is a word or a syllable, so another one is another word"
    assert ATTACKS["characters"].excludes("ko").startswith("a Hangul block is a syllable")
    assert ATTACKS["diacritics"].excludes("hi") == "the marks are its vowels"
    assert ATTACKS["diacritics"].excludes("vi").startswith("a diacritic is a tone")
    assert ATTACKS["case"].excludes("ka") == "the script has no upper and lower case in ordinary text"
    assert ATTACKS["keyboard"].excludes("ur").startswith("no table of its keyboard here")
    assert ATTACKS["homoglyphs"].excludes("th") and ATTACKS["distractor_sentence"].excludes("th")
    assert ATTACKS["zero_width"].excludes("xx").startswith("unknown language 'xx' (known: ")


@every_attack
def test_a_language_without_script_class(attack: Attack) -> None:
    """Tibetan, which a user's task may add. What looks at no letter applies to it."""
    LANGUAGES["bo"] = Language("bo", "bod", "Tibt", "Sino-Tibetan", "Tibetan")
    looks_at_letters = attack.name not in (
        *("segmentation", "rename", "symmetry", "self_pair", "swap", "language_pair", "entities"),
        *("shuffled_pictures", "blank_picture"),
    )
    reason = "nothing is known of the script Tibt; add a row to `SCRIPTS` of xstilts.data.script"
    assert attack.excludes("bo") == (reason if looks_at_letters else "")
