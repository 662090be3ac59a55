"""Naming one cell of a study on the command line."""

from __future__ import annotations

from xstilts.errors import InputError, nearest
from xstilts.plan.compile import Plan, short_name
from xstilts.stages.stage import Stage


def find_cell(plan: Plan, name: str) -> Stage:
    """The checkpoint (a `train` or `encoder` stage) behind CHAIN/TARGET/SEED, or ENCODER/CHAIN/TARGET/SEED.

    A target such as `world/tydiqa` has a slash of its own; its last part is enough. Raises InputError."""
    known: dict[str, Stage] = {}
    for cell in plan.cells:
        if cell.control:
            continue
        made = cell.score.inputs["predictions"]
        made = made.inputs.get("vectors", made)  # what pairs were mined from
        for target in (cell.target, cell.target.rpartition("/")[2]):
            place = f"{cell.chain}/{target}/{cell.seed}"
            known[f"{short_name(cell.encoder)}/{place}"] = made.inputs["model"]
            if len(plan.study.encoders) == 1:
                known[place] = made.inputs["model"]
    if name not in known:
        raise InputError(f"cell '{name}': expected CHAIN/TARGET/SEED{nearest(name, known)}")
    return known[name]
