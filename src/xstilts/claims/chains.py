"""Which chain of a study is the one that a claim speaks of: a task alone, several mixed, one with plain text, one translated.

Controls and chains of several phases are none of these.
"""

from collections.abc import Sequence

from xstilts.analysis.results import ChainInfo, Results
from xstilts.tasks.registry import CATALOGUE


def read_only_phase(chain: ChainInfo) -> tuple[frozenset[str], bool]:
    """The tasks of a chain's one phase, and whether their training data are English. No tasks if the chain is a control or
    has more phases, or none."""
    if chain.control or len(chain.phases) != 1:
        return frozenset(), True
    return frozenset(chain.phases[0].mix), chain.phases[0].languages in (None, ("en",))


def find_alone(results: Results, task: str) -> str | None:
    """The chain that trains on English data of this task and nothing else."""
    return next((chain.name for chain in results.chains if read_only_phase(chain) == (frozenset({task}), True)), None)


def find_beside_text(results: Results, task: str) -> str | None:
    """The chain that trains on this task with masked language modelling beside it."""
    for chain in results.chains:
        tasks, _ = read_only_phase(chain)
        if task in tasks and (rest := tasks - {task}) and all(map(is_text, rest)):
            return chain.name
    return None


def find_translated(results: Results, task: str) -> str | None:
    """The chain that trains on machine translations of this task, whether or not the original stands beside them."""
    for chain in results.chains:
        rest = read_only_phase(chain)[0] - {task}
        if rest and all(find_original(name) == task for name in rest):
            return chain.name
    return None


def find_mixed(results: Results, tasks: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """The chain that mixes most of these tasks in one phase, at least two, which of them it has, and what else it trains on. A
    part of a task (SNLI of ANLI+) does not stand for the task."""
    found = []
    for chain in results.chains:
        names, english = read_only_phase(chain)
        has = tuple(task for task in tasks if task in names)
        others = tuple(sorted(names - set(tasks)))
        if len(has) > 1 and english and not any(is_text(name) or find_original(name) for name in names):
            found.append((chain.name, has, others))
    return max(found, key=lambda one: (len(one[1]), -len(one[2])), default=None)


def is_text(name: str) -> bool:
    """Whether it is plain text for masked language modelling."""
    return name in CATALOGUE and CATALOGUE[name].format.self_supervised


def find_original(name: str) -> str:
    """The English task that a task's data are translated from, or "". A translation contains the original and has training data,
    but none in English."""
    task = CATALOGUE.get(name)
    if task is None or task.translates:
        return task.translates if task else ""
    train = task.splits.get("train")
    return task.contains[0] if task.contains and train and "en" not in train.languages else ""
