"""The Python interface: run a study; its scores, gains and examples as tables; predictions for texts of one's own.

A study is a `Study`, the name of a built-in one or the path of a YAML file. A store is a `Store` or its folder; without one,
`$XSTILTS_STORE`, else ./xstilts-store. Data files are looked for in `data`, else in `$XSTILTS_DATA`, else in ./data. Everything
but `run` only reads, and needs neither data nor network. Scores, gains and their intervals are between 0 and 1.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xstilts.analysis.examples import count_confusions, read_examples
from xstilts.analysis.gather import gather
from xstilts.analysis.results import Results
from xstilts.analysis.tidy import CURVE_COLUMNS, GAIN_COLUMNS, SCORE_COLUMNS, tidy_curves, tidy_gains, tidy_scores
from xstilts.data.html import write_html
from xstilts.errors import InputError
from xstilts.execution.attack import TextVictim, attack_cell, attack_function, check_judge, make_method, write_attacked
from xstilts.execution.attack_checks import transfer_cell
from xstilts.execution.execute import State, execute
from xstilts.execution.executors.choose import ExecutorName, choose_executor
from xstilts.execution.language_pairs import score_language_pairs
from xstilts.execution.partial import LEFT_OUT, leave_out_unread, run_what_is_there
from xstilts.plan.cell import PlannedCell, find_cell, name_cells
from xstilts.plan.compile import Plan, compile_study
from xstilts.store.store import Store
from xstilts.study import Study

if TYPE_CHECKING:
    import pandas as pd

AnyStudy = Study | Path | str
AnyStore = Store | Path | str | None
Over = Literal["none", "placebo", "compute", "chain"]
EXAMPLE_COLUMNS = ("id", "language", "text", "gold", "prediction", "score")


def run(
    study: AnyStudy,
    store: AnyStore = None,
    workers: int | None = None,
    data: Path | str | None = None,
    quiet: bool = False,
    executor: ExecutorName = "local",
    cluster: Path | str | None = None,
) -> State:
    """Run what the store lacks of a study, on this machine or on a `cluster` (docs/how-to/cluster.md). `errors` of the result has
    the stages that failed. A language of a target whose data cannot be read leaves the others, with a warning. Unless `quiet`, it
    shows on standard error how far it is and the time left: in a notebook as one line, in a terminal as `xstilts run` does.
    Raises InputError."""
    found, start = _open(store), choose_executor(executor, Path(cluster) if cluster else None)

    def execute_seen(plan: Plan) -> State:
        if quiet:
            return execute(plan, found, workers, start=start)
        from xstilts.cli.views.console import PlainConsole
        from xstilts.cli.views.progress import LiveView

        in_notebook = PlainConsole().is_jupyter  # which rich can tell; what it shows there needs ipywidgets
        with LiveView(PlainConsole(stderr=True, force_jupyter=False), in_place=in_notebook) as view:
            return execute(plan, found, workers, view.show, start)

    plan, (*before, state) = run_what_is_there(_compile(study, data, draft=False), execute_seen)
    for first in before:
        state.errors = {**first.errors, **state.errors}
        for note in plan.notes:
            if LEFT_OUT in note:
                warnings.warn(note, stacklevel=2)
    return state


def scores(
    study: AnyStudy,
    store: AnyStore = None,
    controls: bool = False,
    metrics: Literal["headline", "all"] = "headline",
    data: Path | str | None = None,
) -> pd.DataFrame:
    """The headline scores that the store has of the study's chains: one row for each cell and language.

    So a mean by chain is the mean of that chain. `controls`: also the rows of placebos (those that the study writes out itself,
    too), compute-matched controls and random weights. They are chains of their own, and `control` says what they are. `metrics`:
    "all" adds a column for each value of each metric (`f1`, `em`, ...), and no row. `n`: examples; `leak`: whether weights were
    chosen on dev data of the target languages, so that the score is an upper bound. Raises InputError."""
    import pandas as pd

    if metrics not in ("headline", "all"):
        raise InputError(f"metrics: expected 'headline' or 'all', found {metrics!r}")
    rows = tidy_scores(_gather(study, store, data), controls, metrics == "all")
    values = sorted({name for row in rows for name in row} - set(SCORE_COLUMNS))
    return pd.DataFrame(rows, columns=[*SCORE_COLUMNS, *values])


def gains(
    study: AnyStudy,
    store: AnyStore = None,
    over: Over = "none",
    languages: bool = False,
    controls: bool = False,
    data: Path | str | None = None,
) -> pd.DataFrame:
    """The gain of each chain on each target, the mean over the languages other than English (`language` is "mean"), as the report
    has it.

    `over`: what chains are compared with: "none" (no chain), their "placebo" or "compute"-matched control, or "chain" for the
    study's own comparisons. `low` and `high`: the 95 % interval; `p_holm`: p after Holm's correction; `verdict`: gain, loss,
    equivalent or unclear, or why it was not tested. `languages`: a row for each language instead, with an uncorrected p and
    without a verdict. `controls`: also what the controls themselves gain over no chain. Raises InputError."""
    import pandas as pd

    from xstilts.analysis.gains import compute_chain_gains, compute_transfer_gains
    from xstilts.analysis.scores import summarise

    if over not in ("none", "placebo", "compute", "chain"):
        raise InputError(f"over: expected 'none', 'placebo', 'compute' or 'chain', found {over!r}")
    results = _gather(study, store, data)
    measure = compute_chain_gains if over == "chain" else compute_transfer_gains
    found = [gain for gain in measure(results, summarise(results)) if gain.over == over and (controls or not gain.control)]
    left_out = {"p_holm", "verdict"} if languages else set()
    return pd.DataFrame(tidy_gains(results, found, languages), columns=[c for c in GAIN_COLUMNS if c not in left_out])


def budget_curves(study: AnyStudy, store: AnyStore = None, data: Path | str | None = None) -> pd.DataFrame:
    """The scores of a study with `conditions` by the strength of an attack, where conditions differ in their budget alone or in
    their count alone: one row for each chain, target, language and strength, from the clean score (0) on. `plot.budget_curves`
    draws them.

    `language`: a code, or "mean" for those other than English. `area`: under the whole curve, a mean score. `gain`: the area
    less that of no chain; `robustness`: the same without the difference in clean score; with 95 % intervals. Raises
    InputError."""
    import pandas as pd

    from xstilts.analysis.budget_curves import compute_budget_curves

    results = _gather(study, store, data)
    return pd.DataFrame(tidy_curves(results, compute_budget_curves(results)), columns=list(CURVE_COLUMNS))


@dataclass(frozen=True, repr=False)
class Cell:
    """One point of a study's grid in a store; `cells` gives them by name."""

    name: str
    planned: PlannedCell
    store: Store

    def __repr__(self) -> str:
        return f"Cell({self.name!r})"

    @property
    def done(self) -> bool:
        """Whether it has a score."""
        score = self.planned.score
        return self.store.is_done(self.store.folder(score.kind, score.slug, score.key))


class Cells(Mapping[str, Cell]):
    """The cells of a study by name, CHAIN/TARGET/SEED (ENCODER/CHAIN/TARGET/SEED if there are several encoders). CHAIN may be
    any control too, and of a target such as `world/tydiqa` the last part is enough. Names are completed in notebooks."""

    def __init__(self, plan: Plan, store: Store):
        self._study, self._store, self._named = plan.study.name, store, name_cells(plan.cells)

    def __getitem__(self, name: str) -> Cell:
        planned = find_cell(list(self._named.values()), name)
        return Cell(next(full for full, one in self._named.items() if one is planned), planned, self._store)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._named)

    def __repr__(self) -> str:
        return f"Cells({self._study!r}: {len(self)}, {sum(cell.done for cell in self.values())} done)"

    def _repr_html_(self) -> str:
        return write_html(repr(self), {name: "done" if cell.done else "not made yet" for name, cell in self.items()})


def cells(study: AnyStudy, store: AnyStore = None, data: Path | str | None = None) -> Cells:
    """The cells of a study by name: `cells("demo")["squad/tydiqa/2"]`. Raises InputError."""
    return Cells(*_compile_for(study, store, data))


def examples(cell: Cell, language: str = "") -> pd.DataFrame:
    """The test examples of a finished cell: id, language, text, gold answer, prediction and score.

    `text` is what the model read; of multiple choice and retrieval see `Format.write_text`. The score is the metric's headline
    on the one example (0-1), and NaN if there is nothing to count in it. Raises InputError."""
    import pandas as pd

    rows = [asdict(one) for one in read_examples(cell.planned, cell.store, language)]
    return pd.DataFrame(rows, columns=list(EXAMPLE_COLUMNS))


def compare(a: Cell, b: Cell, language: str = "") -> pd.DataFrame:
    """Two cells of one target, example by example: first those on which they `disagree`, by how much b scores higher than a.

    Raises InputError if they were not tested on the same examples."""
    if a.planned.id.target != b.planned.id.target:
        raise InputError(f"{a.name} and {b.name} have different targets; compare cells of one target")
    both = ["id", "language", "text", "gold"]
    one, other = examples(a, language), examples(b, language)
    found = one.merge(other.drop(columns=["text", "gold"]), on=["id", "language"], suffixes=("_a", "_b"), validate="1:1")
    if not len(found) == len(one) == len(other):
        raise InputError(f"{a.name} and {b.name} were tested on different examples ({len(one)} and {len(other)})")
    found["disagree"] = found["prediction_a"] != found["prediction_b"]
    found["difference"] = found["score_b"] - found["score_a"]
    found = found.sort_values(["disagree", "difference"], ascending=False, kind="stable", ignore_index=True)
    return found[[*both, "prediction_a", "prediction_b", "score_a", "score_b", "difference", "disagree"]]


def confusion(cell: Cell, language: str = "") -> pd.DataFrame:
    """How often each gold answer (row) was answered by each answer (column): examples, or words of a tagging task.

    Raises InputError if the answers are no closed set."""
    import pandas as pd

    answers, counts = count_confusions(cell.planned, cell.store, language)
    rows = [[counts.get((gold, predicted), 0) for predicted in answers] for gold in answers]
    return pd.DataFrame(rows, index=pd.Index(answers, name="gold"), columns=pd.Index(answers, name="prediction"))


def predict(cell: Cell, inputs: Iterable[Any]) -> list[Any]:
    """What the model of a finished cell answers to inputs of one's own, in their order.

    An input is a text or a list of two (classification), a list of words (tagging), [question, context] (span), or [prompt,
    [choice, choice, ...]]; or a mapping with the fields `texts`, `words`, `question` and `context`, or `prompt` and `choices`. An
    answer is a label, a tag for each word, a part of the context, or the index of a choice. `xstilts predict` does the same with
    a file of any length. Raises InputError that names the input and says what this cell expects."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # a progress bar that is not shown
        from xstilts.stages.own_inputs import predict_inputs

    return predict_inputs(cell.store, cell.planned.answered, inputs)


ATTACK_COLUMNS = ("attack", "language", "id", "gold", "clean", "attacked", "broken", "queries", "text", "attacked_text")
SURROGATE_COLUMNS = ("surrogate_clean", "surrogate_attacked")


def attack(
    victim: Cell | TextVictim,
    attacks: Sequence[str] | str,
    languages: Sequence[str] | str = (),
    *,
    task: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
    search: str = "random",
    count: int = 8,
    budget: float | None = None,
    seed: int = 0,
    limit: int | None = None,
    most_queries: int | None = None,
    surrogate: Cell | None = None,
    judge: Cell | None = None,
) -> pd.DataFrame:
    """Attack a victim: one row for each attack, language and example.

    The victim is a finished cell, which is attacked on its own test data, or a function that takes a list of examples, each a
    tuple of one or two texts, and gives a score of each label for each of them (the labels in the order of `task`, which names
    the task of `examples`: mappings with `texts` and `answer`, of the one language in `languages`). So a model that is not ours
    can be attacked too.

    `surrogate`: a cell with another model, on which the variants are found; the victim is then asked once about each, and
    `surrogate_clean` and `surrogate_attacked` are further columns. `judge`: a cell of an NLI task, by which `kept` tells of each
    broken text whether it means the same: it and the clean one entail each other with a probability of 0.8.

    `attacks`: names (docs/attacks.md) or files of one's own. `search`: "random" tries `count` random variants, "greedy" edits
    word by word, the most harmful first, "beam" keeps the `count` best sets of edits. `limit`: so many examples of each language.

    `clean` and `attacked`: how far the right answer was ahead, before and after; below 0 the answer is wrong. `broken`: it was
    right and is not. `queries`: how often the victim ran for it. What an attack does not fit is left out with a warning. Raises
    InputError."""
    import pandas as pd

    names = [attacks] if isinstance(attacks, str) else list(attacks)
    codes = [languages] if isinstance(languages, str) else list(languages)
    method = make_method(search, count)
    if isinstance(victim, Cell):
        if examples or task:
            raise InputError("a cell is attacked on its own test data; leave out `examples` and `task`")
        from xstilts.stages.judge import CellJudge
        from xstilts.stages.victim import load_victim

        notes: list[str] = []
        options: dict[str, Any] = {"budget": budget, "seed": seed, "limit": limit, "most_queries": most_queries}
        options["note"] = notes.append
        if judge:
            check_judge(victim.planned, judge.planned)
            options["judge"] = CellJudge(judge.store, judge.planned.answered)
        given = (victim.store, load_victim, names, codes, method)
        if surrogate:
            rows = list(transfer_cell(victim.planned, surrogate.planned, *given, **options))
        else:
            rows = list(attack_cell(victim.planned, *given, **options))
        for text in notes:
            warnings.warn(text, stacklevel=2)
    else:
        if surrogate or judge:
            raise InputError("a surrogate and a judge go with a cell; leave them out where the victim is a function")
        if not task or len(codes) != 1:
            raise InputError("a function is attacked on `examples` of a `task` in one language; give all three")
        some = examples if limit is None else examples[:limit]
        rows = list(
            attack_function(victim, task, some, names, codes[0], method, budget=budget, seed=seed, most_queries=most_queries)
        )
    columns = [*ATTACK_COLUMNS, *(SURROGATE_COLUMNS if surrogate else ()), *(["kept"] if judge else ())]
    return pd.DataFrame([write_attacked(row) for row in rows], columns=columns)


def language_pairs(cell: Cell, languages: Sequence[str] = ()) -> pd.DataFrame:
    """The score of a finished cell's model for each pair of languages: one row for each, with the first text (premise, question)
    in `first` and the second (hypothesis, context) in `second`, all on the same `n` examples. `plot.language_pairs` draws it.
    Raises InputError if its examples have no two texts, or its test sets share none."""
    import pandas as pd

    from xstilts.stages.own_inputs import load_predictor

    answer = load_predictor(cell.store, cell.planned.answered).answer
    found = score_language_pairs(cell.planned, cell.store, answer, list(languages))
    return pd.DataFrame([asdict(one) for one in found])


def write_report(
    study: AnyStudy, store: AnyStore = None, folder: Path | str | None = None, data: Path | str | None = None
) -> Path:
    """Write the report of a study into a folder (default: reports/STUDY), in all formats. Gives the path of the HTML file."""
    from xstilts.report.findings import read_findings
    from xstilts.report.write import write_report as write

    plan, opened = _compile_for(study, store, data)
    return write(read_findings(plan, opened), Path(folder or Path("reports") / plan.study.name))


def _compile(study: AnyStudy, data: Path | str | None, draft: bool = True) -> Plan:
    found = study if isinstance(study, Study) else Study.load(study)
    return compile_study(found, Path(data) if data else None, base=found.folder, draft=draft)


def _compile_for(study: AnyStudy, store: AnyStore, data: Path | str | None) -> tuple[Plan, Store]:
    """The plan that a store's results are of, and the store."""
    found = _open(store)
    return leave_out_unread(_compile(study, data), found), found


def _open(store: AnyStore) -> Store:
    return store if isinstance(store, Store) else Store(store or os.environ.get("XSTILTS_STORE") or "xstilts-store")


def _gather(study: AnyStudy, store: AnyStore, data: Path | str | None) -> Results:
    return gather(*_compile_for(study, store, data))
