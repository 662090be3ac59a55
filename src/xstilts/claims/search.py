"""The search for a claim's comparisons: which chains of a study, on which targets, are its treatment and its control.

What is not there is noted in words, and never replaced by something like it.
"""

from __future__ import annotations

from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import controls_of, reuses_target_data
from xstilts.analysis.results import Results
from xstilts.analysis.scores import NO_CHAIN
from xstilts.claims import chains
from xstilts.claims.contrast import Side, Wanted, chosen, sides
from xstilts.claims.record import Claim, Comparison


@dataclass(frozen=True)
class Request:
    """A comparison to be made: the chains of each pair, on the targets wanted. `keys`: what it rests on beside its sides."""

    name: str
    pairs: tuple[tuple[Side, Side], ...]
    wanted: Wanted
    said: float | None = None
    keys: tuple[str, ...] = ()


class Search:
    """Finds a claim's comparisons among the chains of one encoder, and notes what is not there."""

    def __init__(self, claim: Claim, results: Results, encoder: str) -> None:
        self.claim, self.results = claim, results
        self.people = claim.population
        self.arms = sides(results, encoder)
        targets = {info.name for info in results.targets}
        self.wanted = {name: self.people.languages_of(name) for name in self.people.targets if name in targets}
        self.requests: list[Request] = []
        self.ranked: dict[str, Side] = {}
        self.asked = 0
        self.absent: list[str] = []
        self.without: list[str] = []
        self.smaller: list[str] = []
        self.notes: list[str] = []
        if leaks := sum(cell.leak and cell.target in self.wanted for cell in results.cells):
            self.notes.append(f"{fmt.count(leaks, 'cell')} chosen on target-language dev data left out (a leak)")

    def run(self) -> None:
        if self.claim.kind == "ranking":
            self._ranking()
        for comparison in self.claim.comparisons:
            self._comparison(comparison)
        tasks = list(dict.fromkeys(self.absent))
        if tasks:
            have = len(self.people.intermediate or tasks) - len(tasks)
            of = len(self.people.intermediate) or len(tasks)
            self.smaller.append(f"{have} of {fmt.count(of, 'intermediate task')} (without {fmt.listed(tasks, 4)})")
        self.smaller += self.without

    def _side(self, chain: str | None) -> Side | None:
        return self.arms.get(chain) if chain else None

    def _comparison(self, comparison: Comparison) -> None:
        said = None if comparison.magnitude is None else comparison.magnitude / 100
        match comparison.treatment:
            case "each":
                for task in self.people.intermediate:
                    self._one(task, chains.alone(self.results, task), comparison, said)
            case "text" | "translated" as how:
                find = chains.beside_text if how == "text" else chains.translated
                for task in self.people.intermediate:
                    self._one(
                        f"{task} {'with text' if how == 'text' else 'translated'}", find(self.results, task), comparison, said
                    )
            case "mean":
                self._mean(comparison, said)
            case "multi":
                self._multi(comparison, said)
            case "best":
                self._best(said)
            case task:
                self._one(task, chains.alone(self.results, task), comparison, said)

    def _control(self, chain: str, task: str, control: str) -> str | None:
        if control == "none":
            return NO_CHAIN
        if control == "alone":
            return chains.alone(self.results, task)
        info = next(info for info in self.results.chains if info.name == chain)
        found = controls_of(info, self.results, "placebo" if control == "placebo" else "compute")
        return found[0].name if found else None

    def _one(self, name: str, chain: str | None, comparison: Comparison, said: float | None) -> None:
        self.asked += 1
        task = name.partition(" ")[0]
        treatment = self._side(chain)
        if chain is None or treatment is None:
            self.absent.append(task)
            return
        against = self._control(chain, task, comparison.control)
        control = self._side(against)
        if control is None:
            self.without.append(f"{chain} has no control “{comparison.control}” with scores")
            return
        wanted = self._allowed(chain)
        if not wanted and self.wanted:
            self.asked -= 1
            return
        words = (
            name if comparison.control == "none" else f"{name} over {'it alone' if comparison.control == 'alone' else against}"
        )
        self.requests.append(Request(words, ((treatment, control),), wanted, said))

    def _allowed(self, chain: str) -> Wanted:
        """The targets without those whose own training data the chain holds, where the claim leaves these out."""
        info = next(info for info in self.results.chains if info.name == chain)
        own = [target.name for target in self.results.targets if target.name in self.wanted and reuses_target_data(info, target)]
        if self.people.own_data == "left out":
            if own:
                self.notes.append(f"{chain} is left out on {fmt.listed(own)}: it trains on the target's own training data")
            return {name: codes for name, codes in self.wanted.items() if name not in own}
        if own:
            self.notes.append(f"{chain} also trains on the own training data of {fmt.listed(own)}")
        return self.wanted

    def _alone(self) -> dict[str, Side]:
        """The intermediate tasks of the claim that have a chain of their own with scores."""
        found = {task: side for task in self.people.intermediate if (side := self._side(chains.alone(self.results, task)))}
        self.absent += [task for task in self.people.intermediate if task not in found]
        return found

    def _mean(self, comparison: Comparison, said: float | None) -> None:
        self.asked += 1
        pairs = []
        for task, side in self._alone().items():
            against = self._control(chains.alone(self.results, task) or "", task, comparison.control)
            if control := self._side(against):
                pairs.append((side, control))
            else:
                self.without.append(f"the chain of {task} has no control “{comparison.control}” with scores")
        if pairs:
            name = f"mean of {fmt.count(len(pairs), 'intermediate task')}"
            self.requests.append(Request(name, tuple(pairs), self.wanted, said))

    def _multi(self, comparison: Comparison, said: float | None) -> None:
        self.asked += 1
        found = chains.mixed(self.results, self.people.intermediate)
        if found is None:
            self.absent += self.people.intermediate
            return
        name, has, others = found
        against = self._control(name, name, comparison.control)
        treatment, control = self._side(name), self._side(against)
        if treatment and control is None:
            self.without.append(f"{name} has no control “{comparison.control}” with scores")
        if treatment and control:
            self.requests.append(Request(name, ((treatment, control),), self._allowed(name), said))
            self.absent += [task for task in self.people.intermediate if task not in has]
            if others:
                self.smaller.append(f"{name} also trains on {fmt.listed(others)}")

    def _best(self, said: float | None) -> None:
        self.asked += 1
        arms, none = self._alone(), self._side(NO_CHAIN)
        if not arms or none is None:
            return
        side, keys, words = chosen(arms, none, self.wanted, self.results)
        if words:
            self.notes.append(f"chosen on other seeds and languages ({words})")
        else:
            self.notes.append("nothing to choose on: one seed and one language for each target")
        self.requests.append(Request("best for each target", ((side, none),), self.wanted, said, keys))

    def _ranking(self) -> None:
        self.ranked = arms = self._alone()
        for first in (task for task in self.claim.best if task in arms):
            for other in (task for task in arms if task not in self.claim.best):
                self.requests.append(Request(f"{first} over {other}", ((arms[first], arms[other]),), self.wanted))
        self.asked = len(self.claim.best) * (len(self.people.intermediate) - len(self.claim.best))


def why_none(search: Search) -> str:
    """Why the study has no comparison for the claim; a clause."""
    if not search.wanted:
        return f"none of its targets ({fmt.listed(search.people.targets, 4)}) is in this study"
    if NO_CHAIN not in search.arms:
        return "there is no scored cell without intermediate training to compare with"
    if search.without:
        return fmt.listed(search.without, 3)
    if search.notes and not search.absent:
        return fmt.listed(search.notes, 3)
    said = dict.fromkeys(comparison.treatment for comparison in search.claim.comparisons)
    what = {
        "multi": "mixes two or more of its intermediate tasks",
        "text": "trains on one of its intermediate tasks with plain text beside it, and on the same task alone",
        "translated": "trains on one of its intermediate tasks translated, and on the same task alone in English",
    }
    wanted = next((what[name] for name in said if name in what), f"trains on {fmt.listed(dict.fromkeys(search.absent), 4)} alone")
    return f"no chain with scores {wanted}"
