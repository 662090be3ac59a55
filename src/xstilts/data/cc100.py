"""How much text of each language XLM-R was pre-trained on: sizes in GiB of the CC-100 corpus.

From table 6 of Conneau et al. 2020 (arXiv 1911.02116). The table's token counts are doubtful for some languages, so these are
the sizes. Chinese is the sum of both scripts, Burmese of both encodings. In a study of another encoder the groups mean "has
much, some or little text on the web", not what that encoder saw.
"""

from xstilts.data.language import LANGUAGES

CC100_GIB = {row.code: row.cc100_gib for row in LANGUAGES.values() if row.cc100_gib}
BINS = ((50.0, "50 GiB and more"), (10.0, "10 to 50 GiB"), (0.0, "less than 10 GiB"))
NONE = "not in CC-100"
SIZES = (*(name for _, name in BINS), NONE)


def find_size_group(code: str) -> str:
    """The group of a language by its size in CC-100."""
    size = CC100_GIB.get(code)
    return NONE if size is None else next(name for least, name in BINS if size >= least)
