"""Frozen designs: dated records in the store that say what was decided before a run (pre-registration).

    $STORE/frozen/<study>-<hash12>.json

A record is written once and never again. Another design of a study of the same name gets a record of its own beside the first.
The hash shows that a design is the one that was frozen; who wants to prove the date to others publishes the hash. Surprising: a
record says nothing of scores. What was there by its date is counted when it is read, from the runs that made the scores.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xstilts.data.yaml_records import make_record
from xstilts.errors import InputError
from xstilts.plan.compile import Plan
from xstilts.plan.design import CodeVersion, Design, identify_code, make_design
from xstilts.store.fingerprint import compute_key
from xstilts.store.store import KEY_DIGITS, Store, read_json, write_json


@dataclass(frozen=True)
class ScoresThen:
    """How many of the study's own `of` scores were there at a date, and how many `others`: scores of the same cells that were
    made in another way (other recipe, data or code)."""

    own: int
    of: int
    others: int

    @property
    def none(self) -> bool:
        return not self.own and not self.others

    def __str__(self) -> str:
        if self.none:
            return "before the first score"
        found = [f"{self.own} of its {self.of} scores"] if self.own else []
        found += [f"{self.others} scores of the same cells, made in another way,"] if self.others else []
        return f"after {' and '.join(found)} were already there"


@dataclass(frozen=True)
class FrozenDesign:
    """A design, when it was frozen (UTC) and by which code, and the scores that were there by then."""

    design: Design
    at: datetime
    code: CodeVersion
    scores_then: ScoresThen
    path: Path

    @property
    def name(self) -> str:
        """The digits of its hash that are shown."""
        return self.design.sha256[:KEY_DIGITS]

    @property
    def date(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} UTC"

    def __str__(self) -> str:
        return f"Design {self.name} was frozen on {self.date}, {self.scores_then} ({self.code})."

    def record(self) -> dict[str, Any]:
        """All but the design itself, as JSON."""
        return {
            "frozen": self.at.isoformat(),
            "sha256": self.design.sha256,
            "code": self.code.model_dump(),
            "scores_then": asdict(self.scores_then),
            "path": str(self.path),
        }


def freeze(plan: Plan, store: Store, now: datetime | None = None) -> tuple[FrozenDesign, bool]:
    """Freeze the design of a plan. Gives the record, and whether it is new: the same design is frozen once. Raises InputError if
    the store cannot be written or has a record that was changed."""
    design, at = make_design(plan), now or datetime.now(UTC)
    known = [frozen for frozen in read_frozen(plan, store) if frozen.design == design]
    if known:
        return known[0], False
    store.prepare()
    path = store.root / "frozen" / f"{design.study}-{design.sha256[:KEY_DIGITS]}.json"
    code = identify_code()
    path.parent.mkdir(exist_ok=True)
    head = {"frozen": at.isoformat(), "sha256": design.sha256, "code": code.model_dump()}
    write_json(path, {**head, "design": design.record()})
    path.chmod(0o444)
    return FrozenDesign(design, at, code, _count_scores(plan, _list_scores(store), at), path), True


def read_frozen(plan: Plan, store: Store) -> tuple[FrozenDesign, ...]:
    """The frozen designs of studies with this name, the oldest first. Raises InputError for a record that was changed."""
    paths = sorted((store.root / "frozen").glob("*.json"))
    read = [(path, *_read_record(read_json(path), path)) for path in paths]
    own = [one for one in read if one[1].study == plan.study.name]
    scores = _list_scores(store) if own else []
    found = [FrozenDesign(design, at, code, _count_scores(plan, scores, at), path) for path, design, at, code in own]
    return tuple(sorted(found, key=lambda frozen: frozen.at))


def _read_record(record: Any, path: Path) -> tuple[Design, datetime, CodeVersion]:
    wrong = f"frozen design {path}: it was changed after it was frozen; restore the file, or delete it and say so"
    if not isinstance(record, Mapping) or set(record) != {"frozen", "sha256", "code", "design"}:
        raise InputError(wrong)
    try:
        at = datetime.fromisoformat(record["frozen"])
        intact = compute_key(record["design"]) == record["sha256"] and at.tzinfo is not None
    except (TypeError, ValueError):
        raise InputError(wrong) from None
    if not intact:
        raise InputError(wrong)
    where = f"frozen design {path}"
    return make_record(Design, record["design"], where), at, make_record(CodeVersion, record["code"], where)


def _count_scores(plan: Plan, scores: Iterable[tuple[float, Mapping[str, Any]]], at: datetime) -> ScoresThen:
    """The scores that were there at a date. One of the same name and another key is the same cell, made in another way."""
    keys = {cell.score.key for cell in plan.cells}
    slugs = {cell.score.slug for cell in plan.cells}
    made = [record for when, record in scores if when <= at.timestamp()]
    then = [record["key"] for record in made if record["slug"] in slugs or record["key"] in keys]
    own = len(keys & set(then))
    return ScoresThen(own, len(keys), len(then) - own)


def _list_scores(store: Store) -> list[tuple[float, Mapping[str, Any]]]:
    """When each score was first made, and its record."""
    found: list[tuple[float, Mapping[str, Any]]] = []
    for folder, record in store.records("score"):
        runs = [run for run in store.runs(folder) if run.get("outcome") == "done" and "started" in run]
        made = [run["started"] + run.get("seconds", 0.0) for run in runs]
        if not made and store.is_done(folder):  # brought in from elsewhere without its runs
            made = [os.path.getmtime(folder / "done.json")]
        if made:
            found.append((min(made), record))
    return found
