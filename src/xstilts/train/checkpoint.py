"""The state of an interrupted training, written whole or not at all."""

from __future__ import annotations

import dataclasses
import os
import uuid
from pathlib import Path
from typing import Any

import torch


def save_state(folder: Path, model: Any, optimizer: Any, kept: dict[str, torch.Tensor], progress: Any) -> None:
    """Write model, optimizer, the policy's weights and the progress, then rename into place."""
    temporary = folder / f".state-{uuid.uuid4().hex}"
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "kept": kept,
        "progress": dataclasses.asdict(progress),
    }
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "state.pt")


def load_state(folder: Path, model: Any, optimizer: Any, kept: dict[str, torch.Tensor], kind: type[Any]) -> Any:
    """Restore what `save_state` left, in place; a fresh `kind()` where there is nothing (or nothing readable)."""
    for leftover in folder.glob(".state-*"):
        leftover.unlink(missing_ok=True)
    path = folder / "state.pt"
    if not path.is_file():
        return kind()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError):  # a damaged checkpoint costs time, never a result
        path.unlink()
        return kind()
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    kept.update(state["kept"])
    return kind(**state["progress"])
