"""How much text of each language XLM-R was pre-trained on: sizes in GiB of the CC-100 corpus.

From table 6 of Conneau et al. 2020 (arXiv 1911.02116). The table's token counts are doubtful for some languages, so these are
the sizes. Chinese is the sum of both scripts, Burmese of both encodings. In a study of another encoder the groups mean "has
much, some or little text on the web", not what that encoder saw.
"""

from __future__ import annotations

_ROWS = """
af 1.3   ar 28.0  az 6.5   bg 57.5  bn 8.4   de 66.6  el 46.9  en 300.8 es 53.3  et 6.1   eu 2.0   fa 111.6
fi 54.3  fr 56.8  gu 1.9   he 31.6  hi 20.2  hu 58.4  id 148.3 it 30.2  ja 69.3  jv 0.2   ka 9.1   kk 6.4
ko 54.2  lt 13.7  ml 7.6   mr 2.8   ms 8.5   my 2.0   nl 29.3  pa 0.8   pl 44.6  pt 49.1  ro 61.4  ru 278.0
sw 1.6   ta 12.2  te 4.7   th 71.7  tl 3.1   tr 20.9  uk 84.6  ur 5.7   vi 137.3 zh 63.5
"""
_CELLS = _ROWS.split()
CC100_GIB = {code: float(size) for code, size in zip(_CELLS[::2], _CELLS[1::2], strict=True)}
BINS = ((50.0, "50 GiB and more"), (10.0, "10 to 50 GiB"), (0.0, "less than 10 GiB"))
NONE = "not in CC-100"
SIZES = (*(name for _, name in BINS), NONE)


def find_size_group(code: str) -> str:
    """The group of a language by its size in CC-100."""
    size = CC100_GIB.get(code)
    return NONE if size is None else next(name for least, name in BINS if size >= least)
