"""Properties of a study: whether it does what a source says was done. These are no claims about the world and get no verdict.

Each is read off what was run: the chains with scores, and the stages that are done. It is "as the source says", "differs" (what
is there besides, or lacking, is named), or "not there" yet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import PHASES
from xstilts.analysis.results import ChainInfo, Results
from xstilts.analysis.scores import ENGLISH
from xstilts.claims import chains
from xstilts.claims.record import Claim
from xstilts.tasks.registry import CATALOGUE, find_task

PRETRAINED = "pre-trained encoder"
State = Literal["as the source says", "differs", "not there"]


@dataclass(frozen=True)
class Property:
    """One row. `found` is what the study has, `says` what the source says; `reason` is how they differ, "" if they do not."""

    id: str
    text: str
    source: str
    quantity: str
    state: State
    says: tuple[str, ...]
    found: tuple[str, ...]
    reason: str


def describe_property(claim: Claim, source: str, results: Results) -> Property:
    """What a study has of a property; the encoder's name is compared without regard to case."""
    assert claim.quantity is not None
    found = tuple(dict.fromkeys(_READERS[claim.quantity](results)))
    says = claim.says
    same = {word.lower() for word in found} == {word.lower() for word in says}
    state: State = "not there" if not found else "as the source says" if same else "differs"
    lacking, besides = ([word for word in one if word not in other] for one, other in ((says, found), (found, says)))
    parts = [f"it has {fmt.listed(besides, 6)}"] if besides else []
    parts += [f"it lacks {fmt.listed(lacking, 6)}"] if lacking else []
    reason = "; ".join(parts) if state == "differs" else ""
    return Property(claim.id, claim.text, source, claim.quantity, state, says, found, reason)


def _scored_chains(results: Results) -> list[ChainInfo]:
    """The chains with scores, in the study's order. Controls are not counted."""
    names = {cell.chain for cell in results.cells if cell.languages and not cell.control}
    return [chain for chain in results.chains if chain.name in names and not chain.control]


def _read_encoders(results: Results) -> Iterable[str]:
    names = {cell.encoder for cell in results.cells if cell.languages}
    return (name for name in results.encoders if name in names)


def _read_phases(results: Results) -> Iterable[str]:
    if any(cell.languages for cell in results.cells):
        done = {cost.phase for cost in results.costs if cost.status == "done"}
        kinds = {cost.kind for cost in results.costs if cost.status == "done"}
        yield from [PRETRAINED] if "encoder" in kinds or PHASES[0] in done else []
        yield from (phase for phase in PHASES[1:] if phase in done)


def _read_tasks(results: Results) -> list[str]:
    """The intermediate tasks; a translation counts as its original, and plain text is no task."""
    names = (name for chain in _scored_chains(results) for phase in chain.phases for name in phase.mix)
    return [chains.find_original(name) or name for name in names if not chains.is_text(name)]


def _read_intermediate_languages(results: Results) -> Iterable[str]:
    for chain in _scored_chains(results):
        for phase in chain.phases:
            if not all(map(chains.is_text, phase.mix)):
                yield from phase.languages or (ENGLISH,)


def _read_fine_tuning_languages(results: Results) -> Iterable[str]:
    sources = {info.trains_on for info in results.targets if info.trained and _scored(results, info.name)}
    for cost in results.costs:
        if (cost.kind, cost.split, cost.status) == ("fetch", "train", "done") and cost.task in sources:
            yield cost.language


def _read_formats(results: Results) -> Iterable[str]:
    return (find_task(name).format.name for name in _read_tasks(results) if name in CATALOGUE)


def _read_arrangements(results: Results) -> Iterable[str]:
    for chain in _scored_chains(results):
        tasks = {name for phase in chain.phases for name in phase.mix if not chains.is_text(name)}
        if tasks:
            yield "single-task" if len(tasks) == 1 else "multi-task"


def _scored(results: Results, target: str) -> bool:
    return any(cell.target == target and cell.languages for cell in results.cells)


def _read_targets(results: Results) -> Iterable[str]:
    return (info.name for info in results.targets if _scored(results, info.name))


def _read_untrained(results: Results) -> Iterable[str]:
    return (info.name for info in results.targets if not info.trained and _scored(results, info.name))


def _read_most_languages(results: Results) -> Iterable[str]:
    most = max((len(cell.languages) for cell in results.cells), default=0)
    return [str(most)] if most else []


_READERS: Mapping[str, Callable[[Results], Iterable[str] | Sequence[str]]] = {
    "encoders": _read_encoders,
    "phases": _read_phases,
    "intermediate tasks": _read_tasks,
    "intermediate languages": _read_intermediate_languages,
    "fine-tuning languages": _read_fine_tuning_languages,
    "formats": _read_formats,
    "arrangements": _read_arrangements,
    "targets": _read_targets,
    "targets without training": _read_untrained,
    "most languages of a target": _read_most_languages,
}
