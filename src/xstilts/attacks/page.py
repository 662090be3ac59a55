"""The attacks as the page docs/attacks.md. To write the page:

python -m xstilts.attacks.page > docs/attacks.md
"""

from collections import defaultdict
from textwrap import fill

from xstilts.attacks.attack import LEVELS, WHOLE, Attack
from xstilts.attacks.checklist.records import CHECKLISTS
from xstilts.attacks.registry import ATTACKS, MODEL_ATTACKS
from xstilts.data.language import LANGUAGES

_INTRO = """\
# Attacks

An attack changes an example so that its right answer stays, or changes in a known way, or (minimum functionality) puts
one in its place whose answer is plain. This page is written from the records of the package; [your own
attack](how-to/attack.md) is one file.

- **Answers follow.** In question answering, offsets move along, and the span still selects the answer. In tagging,
  words and tags stay as many. No edit reaches over the border of a gold answer.
- **Nothing is edited** in web and mail addresses, mentions, tags, template fields, `[MASK]` and gaps, nor in a text
  that stands for a missing one ("NS" in PAWS-X). Letters with marks, conjuncts and Hangul blocks are never cut.
- **A budget of words is a share of the words of the example, at least one word.** A larger budget edits the words of
  a smaller one and more.
- **Variants are the same bytes everywhere.** They depend on the seed, the attack and its version, the id of the
  example, the language and the number of the variant, and on the whole test set from which names, sentences and known
  words are taken. More variants are a superset of fewer.
- **Examples in which nothing can be edited are counted and named.** A variant that was already drawn is left out and
  counted.
- **A misspelling is never a word of the test set.** It can be a word that the test set does not have: in the embedded
  world (60 examples of each task and language, three variants) this was so for 4 of 16,611 misspellings. No other
  attack changed a label there, code-mixing apart, in 40,853 variants that the world could read. It cannot read the
  stress tests, for want of words.
- **Code-mixing links words by statistics of the test set** (IBM model 1, both directions), with no model and no word
  list. In the embedded world 99.6 % of 458,594 links are right. There, mistakes changed 1 of 4,242 labels under
  `code_mix`, and 5 of 4,139 under `code_mix_phrases`. A word that says what two words of the other language say
  (Swahili "hana", has not) has no link, so that no negation is lost; where the counts do not show it, one may be. A
  test set of few examples has few links.
- **A checklist has nothing of the test set** but its size: each item stands alone. The mean of its items counts, not the
  worst, and it has no drop. Its templates were written for this package; no native speaker has checked them.

A search (`xstilts.attacks.search`) asks a victim: random variants, greedy by importance, or a beam. A query counts when
the victim ran. Attacks "by words" can be searched by all three, "random" ones by random variants only. What attacks "by
a model" change, the victim's model says, or the encoder that it began as: they need a cell and are no `conditions`.

"""
_LANGUAGES = """\
## By language

`x`: the attack applies. The sections below say why it does not elsewhere. The kinds of `checklist` apply where it does,
and all other attacks in every language.
"""
_ABLATIONS = """\
# Ablations

An ablation is no attack: it takes away what the answer rests on, and the mean of its variants counts, not the worst. It
is one of the `conditions` of a study, and no search.
"""


def page() -> str:
    """The whole page in Markdown."""
    records = [attack for attack in (ATTACKS | MODEL_ATTACKS).values() if attack.goal != "ablation"]
    rows = ["| attack | level | goal | formats | budget | searched |", "|---|---|---|---|---|---|"]
    rows += [
        f"| `{a.name}` | {a.level} | {a.goal} | {', '.join(f.name for f in a.formats)} | {_budget(a)} | {_searched(a)} |"
        for a in records
    ]
    levels = "Levels: " + "; ".join(f"{name} {text}" for name, text in LEVELS.items()) + "."
    languages = f"{_LANGUAGES}\n{_language_table()}\n"
    sections = "\n".join(_section(attack) for attack in records)
    ablations = "\n".join(_section(attack) for attack in ATTACKS.values() if attack.goal == "ablation")
    return f"{_INTRO}{chr(10).join(rows)}\n\n{_wrap(levels)}\n\n{languages}\n{sections}\n{_ABLATIONS}\n{ablations}"


def _language_table() -> str:
    """A row for each set of languages in which the same attacks apply, a column for each attack that leaves out a language."""
    shown = [attack for attack in ATTACKS.values() if attack not in CHECKLISTS]
    partial = [attack for attack in shown if any(attack.excludes(code) for code in LANGUAGES)]
    patterns: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for code in LANGUAGES:
        patterns[tuple("" if attack.excludes(code) else "x" for attack in partial)].append(code)
    lines = [("languages", *(f"`{attack.name}`" for attack in partial)), ("---",) * (1 + len(partial))]
    lines += [(" ".join(codes), *pattern) for pattern, codes in sorted(patterns.items(), key=lambda one: -one[0].count("x"))]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _budget(attack: Attack) -> str:
    return f"{attack.budget:g} of at most {attack.most:g}: {attack.unit}" if attack.unit != WHOLE else attack.unit


def _searched(attack: Attack) -> str:
    if attack.stands_alone:
        return "not searched"
    return "by words" if attack.by_words else "by a model" if attack.by_model else "random"


def _section(attack: Attack) -> str:
    lines = [f"## {attack.name}", "", _wrap(f"**{attack.title.capitalize()}.** {attack.description}"), ""]
    if attack.tasks:
        lines.append(_wrap("- Tasks: " + ", ".join(f"`{task}`" for task in attack.tasks)))
    left_out: dict[str, list[str]] = defaultdict(list)
    for code in LANGUAGES:
        if reason := attack.excludes(code):
            left_out[reason].append(code)
    reasons = [f"{' '.join(codes)}: {reason}" for reason, codes in left_out.items()]
    lines.append(_wrap("- Languages left out: " + ("; ".join(reasons) or "none")))
    lines.append(_wrap(f"- Reads: {attack.resource}; licence {attack.license}"))
    lines.append(_wrap(f"- Idea: {attack.cite}"))
    return "\n".join(lines) + "\n"


def _wrap(text: str) -> str:
    return fill(
        text, 119, subsequent_indent="  " if text.startswith("- ") else "", break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    print(page(), end="")
