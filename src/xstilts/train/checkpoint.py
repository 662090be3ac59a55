"""The checkpoint of a training: its state, written whole or not at all. It holds only the weights that are trained; the others
come from the artefact that the phase started from."""

import dataclasses
import os
import uuid
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xstilts.store.store import sync


def save_state(folder: Path, identity: str, model: Any, optimizer: Any, selected: dict[str, Tensor], state: Any) -> None:
    """Write the trained weights, the optimizer, the weights that the policy selected so far and the loop's `state` (a
    dataclass), then rename the file into place. `identity` says which training this is."""
    temporary = folder / f".state-{uuid.uuid4().hex}"
    content = {
        "identity": identity,
        "model": {name: p.detach() for name, p in model.named_parameters() if p.requires_grad},
        "optimizer": optimizer.state_dict(),
        "selected": selected,
        "state": dataclasses.asdict(state),
    }
    with temporary.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "state.pt")
    sync(folder)


def load_state(
    folder: Path, identity: str, model: Any, optimizer: Any, selected: dict[str, Tensor], kind: type[Any]
) -> tuple[Any, str]:
    """Restore in place what `save_state` wrote, and give (state, ""). The state is a fresh `kind()` where there is no
    checkpoint, or where it is damaged or of another training. The second value then says why. This costs time, never a
    result."""
    path = folder / "state.pt"
    if not path.is_file():
        return kind(), ""
    try:
        _check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["identity"] != identity:
            return kind(), "the checkpoint was of another recipe, mixture or data; training started again"
        if "state" not in content:
            return kind(), "the checkpoint was written by an earlier version of xstilts; training started again"
        state = kind(**content["state"])
        trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        if {name: p.shape for name, p in trained.items()} != {name: p.shape for name, p in content["model"].items()}:
            raise ValueError("weights of other names or shapes")
        optimizer.load_state_dict(content["optimizer"])  # it checks before it changes anything
    except Exception as error:  # torch.load raises whatever the damaged bytes lead to
        return kind(), f"the checkpoint was damaged ({type(error).__name__}); training started again"
    for name, parameter in trained.items():
        parameter.data.copy_(content["model"][name])
    selected.update(content["selected"])
    return state, ""


def _check_sums(path: Path) -> None:
    """Compare the file with the checksums (CRC-32) that torch has written into it, and does not look at. Raises BadZipFile."""
    with zipfile.ZipFile(path) as file:
        if (name := file.testzip()) is not None:
            raise zipfile.BadZipFile(f"{name}: its checksum is another one")
