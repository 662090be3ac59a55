"""What a loss of power, a full disk or a failing disk leave of a file."""

from __future__ import annotations

from pathlib import Path

HARMS = ("empty", "cut", "zeros", "bit", "gone")


def spoil(path: Path, harm: str) -> None:
    """Replace the file by what the harm leaves of it; another name of it keeps its content."""
    data = bytearray(path.read_bytes())
    path.unlink()
    match harm:
        case "empty":
            data.clear()
        case "cut":
            del data[len(data) // 2 :]
        case "zeros":
            data[:] = bytes(len(data))
        case "bit":
            data[len(data) // 2] ^= 1
        case "gone":
            return
    path.write_bytes(data)
