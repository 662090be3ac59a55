"""The languages as rows: the 40 of XTREME, the 10 that XTREME-R adds, and the five of the embedded world.

Sources: XTREME (arXiv 2003.11080) and XTREME-R (arXiv 2104.07412) for the two lists; ISO 639-3 and ISO 15924 for the codes;
the language table of google-research/xtreme (utils_preprocess.py) for `tatoeba`. `iso3` is the code that corresponds to the
two-letter code: a macrolanguage where ISO has one (ara, fas, swa, zho). `tatoeba` names the member language of LASER's files
(pes, swh, cmn); it is empty where XTREME uses no such file. The world's languages have codes that ISO reserves for private
use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is the benchmarks' two-letter code and names the language everywhere in this program."""

    code: str
    iso3: str
    script: str
    family: str
    name: str
    tatoeba: str = ""


_ROWS = """
af  afr  Latn  Indo-European:Germanic    Afrikaans   afr
ar  ara  Arab  Afro-Asiatic:Semitic      Arabic      ara
az  aze  Latn  Turkic                    Azerbaijani aze
bg  bul  Cyrl  Indo-European:Slavic      Bulgarian   bul
bn  ben  Beng  Indo-European:Indo-Aryan  Bengali     ben
de  deu  Latn  Indo-European:Germanic    German      deu
el  ell  Grek  Indo-European:Hellenic    Greek       ell
en  eng  Latn  Indo-European:Germanic    English     eng
es  spa  Latn  Indo-European:Romance     Spanish     spa
et  est  Latn  Uralic:Finnic             Estonian    est
eu  eus  Latn  isolate                   Basque      eus
fa  fas  Arab  Indo-European:Iranian     Persian     pes
fi  fin  Latn  Uralic:Finnic             Finnish     fin
fr  fra  Latn  Indo-European:Romance     French      fra
gu  guj  Gujr  Indo-European:Indo-Aryan  Gujarati    -
he  heb  Hebr  Afro-Asiatic:Semitic      Hebrew      heb
hi  hin  Deva  Indo-European:Indo-Aryan  Hindi       hin
ht  hat  Latn  creole:French             Haitian     -
hu  hun  Latn  Uralic:Ugric              Hungarian   hun
id  ind  Latn  Austronesian              Indonesian  ind
it  ita  Latn  Indo-European:Romance     Italian     ita
ja  jpn  Jpan  Japonic                   Japanese    jpn
jv  jav  Latn  Austronesian              Javanese    jav
ka  kat  Geor  Kartvelian                Georgian    kat
kk  kaz  Cyrl  Turkic                    Kazakh      kaz
ko  kor  Kore  Koreanic                  Korean      kor
lt  lit  Latn  Indo-European:Baltic      Lithuanian  lit
ml  mal  Mlym  Dravidian                 Malayalam   mal
mr  mar  Deva  Indo-European:Indo-Aryan  Marathi     mar
ms  msa  Latn  Austronesian              Malay       -
my  mya  Mymr  Sino-Tibetan:Burmese      Burmese     -
nl  nld  Latn  Indo-European:Germanic    Dutch       nld
pa  pan  Guru  Indo-European:Indo-Aryan  Punjabi     -
pl  pol  Latn  Indo-European:Slavic      Polish      pol
pt  por  Latn  Indo-European:Romance     Portuguese  por
qu  que  Latn  Quechuan                  Quechua     -
ro  ron  Latn  Indo-European:Romance     Romanian    ron
ru  rus  Cyrl  Indo-European:Slavic      Russian     rus
sw  swa  Latn  Niger-Congo:Bantu         Swahili     swh
ta  tam  Taml  Dravidian                 Tamil       tam
te  tel  Telu  Dravidian                 Telugu      tel
th  tha  Thai  Kra-Dai                   Thai        tha
tl  tgl  Latn  Austronesian              Tagalog     tgl
tr  tur  Latn  Turkic                    Turkish     tur
uk  ukr  Cyrl  Indo-European:Slavic      Ukrainian   ukr
ur  urd  Arab  Indo-European:Indo-Aryan  Urdu        urd
vi  vie  Latn  Austroasiatic             Vietnamese  vie
wo  wol  Latn  Niger-Congo:Atlantic      Wolof       -
yo  yor  Latn  Niger-Congo:Volta-Niger   Yoruba      -
zh  zho  Hans  Sino-Tibetan:Sinitic      Chinese     cmn
l1  qaa  Qaaa  synthetic                 Synthetic-1 -
l2  qab  Qaab  synthetic                 Synthetic-2 -
l3  qac  Qaac  synthetic                 Synthetic-3 -
l4  qad  Qaad  synthetic                 Synthetic-4 -
l5  qae  Qaae  synthetic                 Synthetic-5 -
"""


def _rows() -> dict[str, Language]:
    languages = {}
    for line in _ROWS.strip().splitlines():
        code, iso3, script, family, name, tatoeba = line.split()
        languages[code] = Language(code, iso3, script, family, name, tatoeba.strip("-"))
    return languages


LANGUAGES: dict[str, Language] = _rows()


def languages(codes: str) -> tuple[str, ...]:
    """The codes of a list that is written with blanks. Each must be known."""
    return tuple(LANGUAGES[code].code for code in codes.split())
