"""What a person decided about a claim: kept with name, date and reason beside the question, added to and never overwritten."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import Field

from xstilts.data.yaml_records import Record, make_record, read_fields
from xstilts.documents.verify import VERDICTS, Verdict
from xstilts.errors import InputError, nearest


class Override(Record):
    """One decision. A later one on the same claim counts instead, and the earlier ones stay in the file."""

    claim: str
    verdict: Verdict
    by: str = Field(min_length=1)
    date: datetime.date
    why: str = Field(min_length=1)


def read_overrides(path: Path) -> tuple[Override, ...]:
    """The decisions of a file, oldest first; none if there is no file. Raises InputError."""
    if not path.exists():
        return ()
    listed = read_fields(path, "file of decisions").get("decisions")
    if not isinstance(listed, list):
        raise InputError(f"{path}: expected a list under `decisions:`")
    return tuple(make_record(Override, one, f"{path}, decision {n}") for n, one in enumerate(listed, 1))


def add_override(path: Path, decision: str, by: str, why: str, known: Sequence[str]) -> Override:
    """Add a decision, given as CLAIM=VERDICT, to the end of a file. Raises InputError."""
    claim, equals, verdict = decision.partition("=")
    if not equals or verdict not in VERDICTS:
        raise InputError(f"--decide {decision}: expected CLAIM=VERDICT with one of {', '.join(VERDICTS)}")
    if claim not in known:
        raise InputError(f"--decide {decision}: the review has no claim '{claim}'{nearest(claim, known)}")
    if not by.strip() or not why.strip():
        raise InputError("--decide needs --by NAME and --why TEXT, since a decision without them convinces nobody")
    made = Override(claim=claim, verdict=verdict, by=by, date=datetime.date.today(), why=why)  # type: ignore[arg-type]
    earlier = read_overrides(path)
    text = yaml.safe_dump({"decisions": [one.model_dump() for one in (*earlier, made)]}, allow_unicode=True, sort_keys=False)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    return made


def latest(decisions: Sequence[Override], claim: str) -> Override | None:
    """The last decision on a claim."""
    return next((one for one in reversed(decisions) if one.claim == claim), None)
