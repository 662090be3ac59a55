"""The libraries of the extra `review`, imported where they are used, so that the rest of the package needs none of them."""

from importlib import import_module
from typing import Any

from xstilts.errors import InputError


def need(module: str) -> Any:
    """The module. Raises InputError that says how to install it."""
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise InputError(f"reading documents needs {name}, which is not installed: pip install 'xstilts[review]'") from None
