"""Code-mixing: words or phrases of an example in another language, as people who speak both write.

Read in this order: `align.py` (which word translates which), `parallel.py` (what is learnt from a parallel test set), `words.py`
and `phrases.py` (the attacks), `word_list.py` (translations from a user's file).
"""

from xstilts.attacks.code_mixing.word_list import code_mix_from

__all__ = ["code_mix_from"]
