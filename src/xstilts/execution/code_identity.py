"""Which code this is, so that machines that work on one study can tell that they have the same."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import xstilts
from xstilts.errors import InputError

_SOURCES = (".py", ".yaml", ".json")


@cache
def read_code_identity() -> str:
    """The version of xstilts and a hash of its files, as `0.1.0+1f2e3d4c5b6a`."""
    root = Path(xstilts.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.suffix in _SOURCES):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    try:
        named = version("xstilts")
    except PackageNotFoundError:
        named = "unknown"
    return f"{named}+{digest.hexdigest()[:12]}"


def check_code(expected: str) -> None:
    """Raise InputError if this machine has other code than the run that hands out stages."""
    if (found := read_code_identity()) != expected:
        raise InputError(
            f"this machine has xstilts {found}, the run that submitted the stage has {expected}; "
            "install the same on all machines, or put the same environment into `prologue` or `command` of the cluster file"
        )
