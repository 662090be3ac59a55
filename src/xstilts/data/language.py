"""The languages of `languages.tsv`: the 40 of XTREME, the 10 that XTREME-R adds, and the five of the embedded world.

Sources: XTREME (arXiv 2003.11080) and XTREME-R (arXiv 2104.07412) for the two lists; ISO 639-3 and ISO 15924 for the codes;
the language table of google-research/xtreme (utils_preprocess.py) for `tatoeba`. `iso3` is the code that corresponds to the
two-letter code: a macrolanguage where ISO has one (ara, fas, swa, zho). `tatoeba` names the member language of LASER's files
(pes, swh, cmn); it is empty where XTREME uses no such file. The world's languages have codes that ISO reserves for private
use.
"""

import csv
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


def _read_languages() -> dict[str, Language]:
    lines = (files("xstilts.data") / "languages.tsv").read_text(encoding="utf-8").splitlines()
    rows = csv.reader(lines[1:], delimiter="\t")
    return {
        code: Language(code, iso3, script, family, name, tatoeba, float(gib or 0))
        for code, iso3, script, family, name, tatoeba, gib in rows
    }


LANGUAGES: dict[str, Language] = _read_languages()


def languages(codes: str) -> tuple[str, ...]:
    """The codes of a list that is written with blanks. Each must be known."""
    return tuple(LANGUAGES[code].code for code in codes.split())
