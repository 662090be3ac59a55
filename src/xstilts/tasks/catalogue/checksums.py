"""The sha256 of official files that come one a language, from `checksums.tsv` (file, language, sha256 of the file as served)."""

from importlib.resources import files

_TABLE = (files("xstilts.tasks.catalogue") / "checksums.tsv").read_text(encoding="ascii")
_ROWS = [row.split("\t") for row in _TABLE.splitlines()]


def read_checksums(name: str) -> dict[str, str]:
    """Language -> sha256 of the files with this name in the table."""
    return {language: sha256 for file, language, sha256 in _ROWS if file == name}
