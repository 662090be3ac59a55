"""The languages of `languages.tsv`: the 40 of XTREME, the 10 that XTREME-R adds, and the five of the embedded world.

Sources: XTREME (arXiv 2003.11080) and XTREME-R (arXiv 2104.07412) for the two lists; ISO 639-3 and ISO 15924 for the codes;
the language table of google-research/xtreme (utils_preprocess.py) for `tatoeba`. `iso3` is the code that corresponds to the
two-letter code: a macrolanguage where ISO has one (ara, fas, swa, zho). `tatoeba` names the member language of LASER's files
(pes, swh, cmn); it is empty where XTREME uses no such file. The world's languages have codes that ISO reserves for private
use. `also` has the codes that other files use for the same language: those that ISO 639-1 has withdrawn (iw, in, jw), those of
ISO 639-2/B (ger), and the usual member of a macrolanguage (cmn). `to_code` reads them.
"""

import csv
import difflib
import re
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is the benchmarks' two-letter code and names the language everywhere in this program. `cc100_gib` is the size of its
    text in CC-100 (see `cc100.py`); 0 where it has none."""

    code: str
    iso3: str
    script: str
    family: str
    name: str
    tatoeba: str = ""
    cc100_gib: float = 0.0


def _read_languages() -> tuple[dict[str, Language], dict[str, str]]:
    lines = (files("xstilts.data") / "languages.tsv").read_text(encoding="utf-8").splitlines()
    table: dict[str, Language] = {}
    codes: dict[str, str] = {}
    for code, iso3, script, family, name, tatoeba, gib, also in csv.reader(lines[1:], delimiter="\t"):
        table[code] = Language(code, iso3, script, family, name, tatoeba, float(gib or 0))
        codes |= dict.fromkeys((code, iso3, *also.split()), code)
    return table, codes


# The languages by our code, and our code by every code that the table has.
LANGUAGES, CODES = _read_languages()
# Regions whose Chinese is written in another script than that of the table.
_TRADITIONAL = {"TW", "HK", "MO"}


def languages(codes: str) -> tuple[str, ...]:
    """The codes of a list that is written with blanks. Each must be known."""
    return tuple(LANGUAGES[code].code for code in codes.split())


def to_code(written: str) -> str:
    """Our code of a language that is written with another one: of ISO 639-3 (tgl), an older one (iw), or with a region or the
    script of the table (pt-BR, zh-Hans). A code of ours, and one that is not known, stay as they are."""
    if written in LANGUAGES:
        return written
    first, *rest = re.split("[-_]", written)
    code = CODES.get(first.lower())
    if code is None:
        return written
    scripts = {part.title() for part in rest if len(part) == 4 and part.isalpha()}
    if code == "zh" and _TRADITIONAL & {part.upper() for part in rest}:
        scripts.add("Hant")
    return code if scripts <= {LANGUAGES[code].script} else written


def suggest_code(written: str) -> str:
    """A hint for a code that is not known: ` (...)` with the language that may be meant; empty if none is. Codes that merely
    look alike are other languages, so only names are compared."""
    code = to_code(written)
    if code in LANGUAGES:
        return f" (write '{code}', {LANGUAGES[code].name})"
    if base := CODES.get(re.split("[-_]", written)[0].lower()):
        return f" ('{base}' is {LANGUAGES[base].name} in the script {LANGUAGES[base].script}; there is no other)"
    names = {row.name.lower(): row for row in LANGUAGES.values()}
    if close := difflib.get_close_matches(written.lower(), names, n=1, cutoff=0.8):
        return f" (did you mean '{names[close[0]].code}', {names[close[0]].name}?)"
    return ""


def explain_code(written: str) -> str:
    """The hint of `suggest_code`, or all codes."""
    return suggest_code(written) or f" (known: {', '.join(sorted(LANGUAGES))})"
