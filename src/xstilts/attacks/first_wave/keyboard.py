"""Keyboard slips: one letter inside a word becomes the letter of a key beside it, on the usual keyboard of the language.

In Hangul a key is one letter of a block, so the block keeps its other letters. In an abugida a cluster keeps its vowel sign. The
rest is as in `characters.py`.
"""

from random import Random

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.edits import EDITABLE
from xstilts.attacks.first_wave.characters import TRIES, is_editable
from xstilts.attacks.first_wave.layouts import LAYOUTS, list_neighbours
from xstilts.attacks.text import split_graphemes
from xstilts.data.script import find_script

SHORTEST_IN_BLOCKS = 3
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = 28
_FIRST_BLOCK = 0xAC00
REASONS = {
    "unspaced": "there are no blanks between words, so nothing tells the inside of a word",
    "logographic": "people type sounds and choose the character, so no key stands for it",
}


def leaves_out(language: str) -> str:
    script = find_script(language)
    reason = REASONS.get(script.kind, "") if script else ""
    return reason or ("" if language in LAYOUTS else "no table of its keyboard here; add one to `LAYOUTS`")


def slip(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word with one letter of a neighbouring key; None if it is too short, or if every try gave a word of the pool."""
    graphemes = split_graphemes(word)
    blocks = len(graphemes) >= SHORTEST_IN_BLOCKS and all("가" <= grapheme <= "힣" for grapheme in graphemes)
    if not (blocks or is_editable(graphemes)):
        return None
    neighbours = list_neighbours(language)
    for _ in range(TRIES):
        changed = list(graphemes)
        place = rng.randrange(1, len(graphemes) - 1)
        changed[place] = (_slip_in_block if blocks else _slip_in_cluster)(graphemes[place], neighbours, rng)
        new = "".join(changed)
        if changed != graphemes and split_graphemes(new) == changed and new.casefold() not in pool.words:
            return new
    return None


def _slip_in_cluster(grapheme: str, neighbours: dict[str, str], rng: Random) -> str:
    """Another first letter with the same marks."""
    first = grapheme[0]
    keys = neighbours.get(first) or neighbours.get(first.lower(), "")
    if not keys:
        return grapheme
    key = rng.choice(keys)
    return (key.upper() if first.isupper() and len(key.upper()) == 1 else key) + grapheme[1:]


def _slip_in_block(block: str, neighbours: dict[str, str], rng: Random) -> str:
    """Another first consonant or vowel in the block. A neighbour of the other kind cannot stand there and gives nothing."""
    lead, rest = divmod(ord(block) - _FIRST_BLOCK, len(_VOWELS) * _TAILS)
    vowel, tail = divmod(rest, _TAILS)
    letters, at = ((_LEADS, lead), (_VOWELS, vowel))[rng.randrange(2)]
    keys = [key for key in neighbours.get(letters[at], "") if key in letters]
    if not keys:
        return block
    new = letters.index(rng.choice(keys))
    lead, vowel = (new, vowel) if letters is _LEADS else (lead, new)
    return chr(_FIRST_BLOCK + (lead * len(_VOWELS) + vowel) * _TAILS + tail)


KEYBOARD = Attack(
    name="keyboard",
    title="keyboard slips",
    description="One letter inside a word becomes that of a key beside it, on the keyboard of the language.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Belinkov and Bisk 2018",
    vary=slip,
    leaves_out=leaves_out,
    budget=0.1,
    unit="share of words, one edit each",
    resource="keyboard layouts, written for this package",
)
