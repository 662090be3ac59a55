"""The truth of a study, where it is known: its gains in many more runs than the study itself makes.

A built-in study whose data are synthetic can be run with any number of seeds. `builtin/truth/<study>.yaml` has what this gave,
and how often the study found what is there: the runs, cut into studies of the usual size and judged one by one. It holds for the
very scores that the study has with other seeds: after a change of a recipe, the data or the version of a stage it is not shown.
`bench/truth.py` writes it.
"""

from typing import Literal

from pydantic import Field

from xstilts.data.yaml_records import Record, make_record, read_fields
from xstilts.plan.compile import compile_study
from xstilts.store.fingerprint import compute_key
from xstilts.study import Study, built_in_studies


class TrueGain(Record):
    """The mean gain over all runs, in points, and its standard error over seeds. `verdicts`: how many of the repeated studies
    gave each verdict. `over`: the chain that it is compared with."""

    chain: str
    target: str
    over: str
    kind: Literal["none", "placebo", "compute", "chain"]
    points: float
    error: float = Field(ge=0)
    verdicts: dict[str, int]


class Truth(Record):
    """`design`: what the study must be for it to hold (`identify`). `seeds`: the first and the last. `repeats`: how many studies
    of `size` seeds they were cut into. `code` and `processor`: what the runs were made with."""

    design: str
    seeds: tuple[int, int]
    repeats: int
    size: int
    date: str
    code: str
    processor: str
    gains: tuple[TrueGain, ...]

    @property
    def runs(self) -> int:
        return self.seeds[1] - self.seeds[0] + 1


def identify(study: Study) -> str:
    """A hash of the keys that the study's scores would have with seed 0: of all that decides them but the seeds."""
    plan = compile_study(study.model_copy(update={"seeds": (0,)}), draft=True)
    return compute_key(sorted(cell.score.key for cell in plan.cells))


def find_truth(study: Study) -> Truth | None:
    """What is known of a built-in study; None if nothing is, if the study was changed, or if its seeds are among those that made
    the truth."""
    source = built_in_studies().get(study.name)
    path = source.parent / "truth" / source.name if source else None
    if path is None or not path.is_file():
        return None
    found = make_record(Truth, read_fields(path, "truth"), str(path))
    own = any(found.seeds[0] <= seed <= found.seeds[1] for seed in study.seeds)
    return found if not own and found.design == identify(study) else None
