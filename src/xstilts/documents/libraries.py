"""The libraries of the extra `review`, imported where they are used, so that the rest of the package needs none of them."""

import importlib
from typing import Any

from xstilts.errors import InputError


class MissingLibrary(InputError):
    """A library of the extra `review` is not installed."""


def need(module: str, package: str = "") -> Any:
    """The module; `package` is its name in the package index if that is another one. Raises MissingLibrary."""
    try:
        return importlib.import_module(module)
    except ImportError:
        name = package or module.partition(".")[0]
        raise MissingLibrary(
            f"{name} is not installed, and documents are read with it; run: pip install 'xstilts[review]'"
        ) from None
