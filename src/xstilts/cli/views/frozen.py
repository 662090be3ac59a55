"""What the terminal says about frozen designs: of a plan, and when one is frozen."""

from collections.abc import Iterable, Sequence

from xstilts.execution.freeze import FrozenDesign
from xstilts.plan.compile import Plan
from xstilts.plan.design import make_design


def describe_known(plan: Plan, known: Sequence[FrozenDesign]) -> list[str]:
    """A line for each frozen design of a study, which says whether it is the study's own."""
    now = make_design(plan) if known else None
    return [f"{one} {'This is it' if one.design == now else 'This study differs from it'}." for one in known]


def describe_freezing(frozen: FrozenDesign, new: bool, earlier: Sequence[FrozenDesign]) -> Iterable[str]:
    """What freezing did."""
    if not new:
        yield f"This design is frozen already; nothing was written. {frozen}"
        return
    yield str(frozen)
    yield f"It is kept in {frozen.path}; its sha256 is {frozen.design.sha256}."
    if unknown := frozen.design.cells - len(frozen.design.scores):
        yield (
            f"The keys of {unknown} of {frozen.design.cells} scores are not known before data and encoder are at hand; of these "
            "only recipes, languages and seeds are frozen."
        )
    for one in earlier:
        yield f"A second record: another design of this study stays as it is. {one}"
