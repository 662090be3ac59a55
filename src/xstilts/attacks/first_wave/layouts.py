"""Keyboard layouts: the letters of the three rows, as they lie on the usual keyboard of a language. A blank is a key without a
letter of its own. Written for this package; the rows of the Indic scripts are those of InScript, where the same key has the
corresponding letter of each script.
"""

from functools import cache

_US = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ES = ("qwertyuiop", "asdfghjklñ", "zxcvbnm")
_FR = ("azertyuiop", "qsdfghjklm", "wxcvbn")
_RU = ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
_EL = ("  ερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ")
_KA = ("ქწერტყუიოპ", "ასდფგჰჯკლ", "ზხცვბნმ")
_INSCRIPT = ("     बहगदजड", "     परकतचट", "  मनवलस  य")
_BLOCKS = {"hi": 0, "mr": 0, "bn": 0x80, "pa": 0x100, "gu": 0x180, "ta": 0x280, "te": 0x300, "ml": 0x400}


def _shift(rows: tuple[str, ...], by: int) -> tuple[str, ...]:
    """The rows of another Indic script: its block has the same letters in the same order, and some of them are missing."""
    moved = ("".join(" " if key == " " else chr(ord(key) + by) for key in row) for row in rows)
    return tuple("".join(key if key.isalpha() else " " for key in row) for row in moved)


LAYOUTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("en", "nl", "id", "ms", "jv", "sw", "tl", "af", "pl", "lt", "l1", "l2"), _US),
    "de": ("qwertzuiopü", "asdfghjklöä", "yxcvbnm"),
    **dict.fromkeys(("fr", "ht", "wo"), _FR),
    **dict.fromkeys(("es", "eu", "qu"), _ES),
    "it": ("qwertyuiopè", "asdfghjklòà", "zxcvbnm"),
    "pt": ("qwertyuiop", "asdfghjklç", "zxcvbnm"),
    "fi": ("qwertyuiopå", "asdfghjklöä", "zxcvbnm"),
    "et": ("qwertyuiopüõ", "asdfghjklöä", "zxcvbnm"),
    "hu": ("qwertzuiopőú", "asdfghjkléáű", "yxcvbnm"),
    "ro": ("qwertyuiopăî", "asdfghjklșț", "zxcvbnm"),
    "tr": ("qwertyuıopğü", "asdfghjklşi", "zxcvbnmöç"),
    "az": ("qüertyuiopöğ", "asdfghjklıə", "zxcvbnmçş"),
    **dict.fromkeys(("ru", "kk", "l3"), _RU),
    "uk": ("йцукенгшщзхї", "фівапролджє", "ячсмитьбю"),
    "bg": (" уеишщксдзц", "ьяаожгтнвмч", "юйъэфхпрлб"),
    **dict.fromkeys(("el", "l4"), _EL),
    "he": ("  קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"),
    "ar": ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر ىةوزظ"),
    "fa": ("ضصثقفغعهخحجچ", "شسیبلاتنمکگ", "ظطزرذدپو"),
    **dict.fromkeys(("ka", "l5"), _KA),
    "ko": ("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"),
    **{code: _shift(_INSCRIPT, by) for code, by in _BLOCKS.items()},
}


@cache
def list_neighbours(language: str) -> dict[str, str]:
    """Letter -> the letters on the keys around it, in the order of the keyboard. Each row is half a key to the right of the one
    above."""
    where = {
        (2 * column + row, row): key
        for row, keys in enumerate(LAYOUTS[language])
        for column, key in enumerate(keys)
        if key != " "
    }
    return {
        key: "".join(where.get((x + dx, y + dy), "") for dx, dy in ((-2, 0), (2, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)))
        for (x, y), key in where.items()
    }
