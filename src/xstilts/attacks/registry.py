"""All attacks by name, and a user's own: a Python file outside the package that defines ATTACK. `ATTACKS` need no model, and
their variants can be a fixed set; `MODEL_ATTACKS` need the victim's."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from xstilts.attacks.attack import Attack
from xstilts.attacks.checklist.records import CHECKLIST, CHECKLISTS
from xstilts.attacks.code_mixing.phrases import CODE_MIX_PHRASES
from xstilts.attacks.code_mixing.words import CODE_MIX
from xstilts.attacks.first_wave.anchors import RENAME, SWAP
from xstilts.attacks.first_wave.characters import CHARACTERS
from xstilts.attacks.first_wave.distractors import DISTRACTOR_PREMISE, DISTRACTOR_SENTENCE
from xstilts.attacks.first_wave.entities import ENTITIES
from xstilts.attacks.first_wave.invisible import HOMOGLYPHS, ZERO_WIDTH
from xstilts.attacks.first_wave.keyboard import KEYBOARD
from xstilts.attacks.first_wave.language_pairs import LANGUAGE_PAIR
from xstilts.attacks.first_wave.pairs import SELF_PAIR, SYMMETRY
from xstilts.attacks.first_wave.pictures import BLANK_PICTURE, SHUFFLED_PICTURES
from xstilts.attacks.first_wave.punctuation import PUNCTUATION
from xstilts.attacks.first_wave.segmentation import SEGMENTATION
from xstilts.attacks.first_wave.spelling import CASE, DIACRITICS, WIDTH
from xstilts.attacks.first_wave.stress import STRESS_LENGTH, STRESS_NEGATION, STRESS_OVERLAP
from xstilts.attacks.model_based import HOTFLIP, PGD, SUBSTITUTE
from xstilts.errors import InputError, nearest
from xstilts.reading import expand_home, read_bytes

ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        *(CHARACTERS, KEYBOARD, DIACRITICS, CASE, PUNCTUATION, WIDTH, HOMOGLYPHS, ZERO_WIDTH),
        *(SEGMENTATION, RENAME, SYMMETRY, SELF_PAIR, SWAP, LANGUAGE_PAIR, ENTITIES),
        *(CODE_MIX, CODE_MIX_PHRASES),
        *(DISTRACTOR_PREMISE, DISTRACTOR_SENTENCE, STRESS_OVERLAP, STRESS_NEGATION, STRESS_LENGTH),
        *(CHECKLIST, *CHECKLISTS),
        *(SHUFFLED_PICTURES, BLANK_PICTURE),
    )
}
MODEL_ATTACKS: dict[str, Attack] = {attack.name: attack for attack in (HOTFLIP, PGD, SUBSTITUTE)}


def find_attack(name: str, folder: Path | None = None) -> Attack:
    """The attack of that name. A name that ends in .py is a file, in `folder` if it is relative. Raises InputError with the
    nearest name if there is none, and for a file that defines no attack."""
    if name.endswith(".py"):
        return _read_attack((folder or Path()) / expand_home(name))
    known = ATTACKS | MODEL_ATTACKS
    if name not in known:
        raise InputError(f"no attack {name!r}{nearest(name, known)}; an attack of your own is a file, as in my_attack.py")
    return known[name]


def _read_attack(path: Path) -> Attack:
    """ATTACK of a Python file, with the hash of the file as its identity. It runs from the bytes that were hashed."""
    content = read_bytes(path, "a file that defines ATTACK")
    declared = hashlib.sha256(content).hexdigest()
    module = sys.modules[f"xstilts_attack_{declared}"] = ModuleType(f"xstilts_attack_{declared}")
    module.__file__ = str(path)
    try:
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:  # whatever the user's code raises
        raise InputError(f"{path}: {type(error).__name__}: {error}") from error
    attack = getattr(module, "ATTACK", None)
    if not isinstance(attack, Attack):
        raise InputError(f"{path}: expected ATTACK = Attack(...), found {attack!r:.60}")
    if attack.name in ATTACKS | MODEL_ATTACKS:
        raise InputError(f"{path}: the name {attack.name!r} is that of an attack of this package; choose another one")
    if attack.declared:  # another file that it reads
        declared = hashlib.sha256(f"{declared} {attack.declared}".encode()).hexdigest()
    return replace(attack, declared=declared)
