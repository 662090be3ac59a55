"""The state of an interrupted training, written whole or not at all. Only what is trained is in it: the rest comes from the
artefact that the phase started from."""

from __future__ import annotations

import dataclasses
import os
import uuid
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def save_state(folder: Path, identity: str, model: Any, optimizer: Any, kept: dict[str, Tensor], progress: Any) -> None:
    """Write the trained weights, optimizer, the policy's weights and the progress, then rename into place. `identity` says
    which training this is."""
    temporary = folder / f".state-{uuid.uuid4().hex}"
    state = {
        "identity": identity,
        "model": {name: p.detach() for name, p in model.named_parameters() if p.requires_grad},
        "optimizer": optimizer.state_dict(),
        "kept": kept,
        "progress": dataclasses.asdict(progress),
    }
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "state.pt")


def load_state(
    folder: Path, identity: str, model: Any, optimizer: Any, kept: dict[str, Tensor], kind: type[Any]
) -> tuple[Any, str]:
    """Restore what `save_state` left, in place: (progress, ""). A fresh `kind()` where there is nothing, and where what is
    there is damaged or of another training: this costs time, never a result, and the second value says why."""
    path = folder / "state.pt"
    if not path.is_file():
        return kind(), ""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["identity"] != identity:
            return kind(), "the checkpoint was of another recipe, mixture or data; training began anew"
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.data.copy_(state["model"][name])
        optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # torch.load raises whatever the damaged bytes lead to
        return kind(), f"the checkpoint was damaged ({type(error).__name__}); training began anew"
    kept.update(state["kept"])
    return kind(**state["progress"]), ""
