"""How bytes from outside become text, values and names: one way for the whole house, with limits, and a sentence for a refusal.

A file is opened only if it is one: a pipe would be waited for without end, and a device may never end. Text is UTF-8 and can be
written again, so half a character (a lone surrogate) is refused where it comes in. JSON is what RFC 8259 calls so: NaN is none.
"""

import gzip
import json
import os
import pickle
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

from xstilts.errors import InputError

MAX_DEPTH = 100  # of lists and fields inside each other
MAX_LINE = 64 << 20
MAX_DOCUMENT = 512 << 20
MAX_NAME = 200  # bytes; with an ending it is a file name still (255 bytes)

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def open_file(path: Path, what: str = "a file") -> BinaryIO:
    """The bytes of a file. Raises InputError, with `what` was expected, if it is not there or is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # without waiting for the writer of a pipe
    except OSError as error:
        raise InputError(f"{path}: expected {what} ({error.strerror})") from None
    except ValueError:
        raise InputError(f"{str(path)!r}: not a path; it has a NUL character, which no name of a file can have") from None
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise InputError(f"{path}: this is {_KINDS.get(kind, 'a device')}; expected {what}")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, what: str = "a file", most: int = MAX_DOCUMENT) -> bytes:
    """All bytes of a file. Raises InputError if it cannot be read or has more than `most` of them."""
    try:
        with open_file(path, what) as file:
            return check_length(file.read(most + 1), str(path), most)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def check_length(raw: bytes, where: str, most: int = MAX_DOCUMENT) -> bytes:
    """The same bytes. Raises InputError if there are more than `most`."""
    if len(raw) > most:
        raise InputError(f"{where}: more than {most:,} bytes, the most that is read at once; split it or leave something out")
    return raw


@contextmanager
def open_uncompressed(path: Path, what: str = "a file") -> Iterator[BinaryIO]:
    """The uncompressed bytes of a file. Damage that shows while reading is an `InputError`."""
    try:
        with open_file(path, what) as file:
            if path.suffix == ".gz":
                with gzip.open(file, "rb") as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: truncated or damaged gzip file ({error}); download it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def decode_utf8(raw: bytes, where: str) -> str:
    """Text of UTF-8. Raises InputError with the byte that is none."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 (byte 0x{raw[error.start]:02x} at byte {error.start})") from None


class NotJson(InputError):
    """`reason`: what is wrong; `line`: where in the text, from 1."""

    def __init__(self, where: str, reason: str, line: int = 1):
        super().__init__(f"{where}: {reason}")
        self.reason, self.line = reason, line


Pairs = Callable[[list[tuple[str, Any]]], Any]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON; leave the field out, or write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_json(text: str, where: str, on_pairs: Pairs | None = None) -> Any:
    """The value of a JSON text. `on_pairs` makes it of the fields of each object, which may be there twice. Raises NotJson."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=on_pairs) if on_pairs else _DECODER
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"{where}:{error.lineno}" if error.lineno > 1 else where
        raise NotJson(where, f"not JSON ({error.msg} at column {error.colno})", error.lineno) from None
    except RecursionError:
        raise NotJson(where, _TOO_DEEP) from None
    except ValueError as error:
        digits = "digits" in str(error)  # Python's limit on whole numbers
        raise NotJson(where, "a number of more than 4,300 digits; write it as text" if digits else str(error)) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise NotJson(where, _TOO_DEEP)
    if half := _HALF.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            code = ord(error.object[error.start])
            raise NotJson(where, explain_half(code), text.count("\n", 0, half.start()) + 1) from None
    return value


_TOO_DEEP = f"lists and objects are more than {MAX_DEPTH} deep inside each other"
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def explain_half(code: int) -> str:
    """What to say of a lone surrogate."""
    return f"\\u{code:04x} is half a character; write the character itself, or both halves"


def explain_weights(error: Exception) -> str:
    """Why weights cannot be loaded, in one line. torch advises to load a pickle that may run code; this does not."""
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
        return "a pickle that holds more than tensors, or is damaged; it is not loaded, since it could run code: use safetensors"
    if "ignore_mismatched_sizes" in str(error):
        return "some have another shape than config.json says"
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def list_inside(values: Iterable[Any]) -> list[Any]:
    """What lies directly inside those of the values that are lists or objects."""
    return [x for one in values if isinstance(one, dict | list) for x in (one.values() if isinstance(one, dict) else one)]


def _is_deep(value: Any) -> bool:
    level = [value]
    return all((level := list_inside(level)) for _ in range(MAX_DEPTH + 1))


def check_name(name: str) -> str:
    """The same name, which becomes a part of file names and is shown. Raises ValueError if it cannot."""
    if not name.strip("."):
        raise ValueError(f"expected a name with letters or digits, found {name[:10]!r}")
    if len(raw := name.encode("utf-8", "surrogatepass")) > MAX_NAME:
        raise ValueError(f"expected a name of at most {MAX_NAME} bytes in UTF-8, found {len(raw):,} ({name[:20]!r}...)")
    if found := _CONTROL.search(name):
        raise ValueError(f"expected a name that can be shown, found {found[0]!r} in {name!r}")
    return name


def fill_pattern(pattern: str, **values: str) -> str:
    """The pattern of file names with `{name}` replaced by the value of that name. Nothing else has a meaning in braces. Raises
    ValueError for another name."""
    found = set(_PLACEHOLDER.findall(pattern))
    if not found <= set(values) or re.search(r"[{}]", _PLACEHOLDER.sub("", pattern)):
        *names, last = (f"{{{name}}}" for name in values)
        raise ValueError(f"expected only {', '.join(names)}{' and ' if names else ''}{last} in braces")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], pattern)


def check_glob(pattern: str) -> str:
    """The same pattern of file names. Raises ValueError if no file can be looked for with it."""
    path = PurePath(pattern)
    if not path.parts or path.is_absolute() or pattern.startswith("~"):
        raise ValueError("expected a path below the folder of this file or below the data folder")
    if any("**" in part and part != "**" for part in path.parts):
        raise ValueError("expected ** to stand alone between two '/'")
    return pattern


def expand_home(path: str | Path) -> Path:
    """A path with `~` as the home folder. One that cannot be expanded stays as it is."""
    return Path(os.path.expanduser(path))
