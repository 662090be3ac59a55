"""A study goes on with the languages that it has.

A language of a target whose data cannot be read (no network, a damaged file) would block the target in all languages, since its
predictions are one stage. So the plan is made again without that language, and says which it left out and why. Once the data can
be read, only that language is predicted (stages/reuse.py).
"""

from collections.abc import Callable

from xstilts.execution.execute import State
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import FetchStage, Stage
from xstilts.store.store import Store, read_json

LEFT_OUT = "is left out, because its data could not be read"
Unread = dict[str, dict[str, str]]  # target -> language -> why


def find_unread(plan: Plan, why: Callable[[Stage], str | None]) -> Unread:
    """The languages that targets are tested in and whose data could not be read, of targets that have others. `why`: the reason
    that a stage's last attempt failed; None if it did not."""
    found: Unread = {}
    kept: dict[str, set[str]] = {}
    for cell in plan.cells:
        for language, stage in cell.score.inputs.gold.items():
            if isinstance(stage, FetchStage) and (reason := why(stage)):
                found.setdefault(cell.id.target, {})[language] = reason
            else:
                kept.setdefault(cell.id.target, set()).add(language)
    return {target: reasons for target, reasons in found.items() if kept.get(target)}


def run_what_is_there(plan: Plan, run: Callable[[Plan], State]) -> tuple[Plan, list[State]]:
    """Run a plan; if languages of its targets could not be read, then also the plan without them. Gives the last plan, and the
    state of each run."""
    state = run(plan)
    unread = find_unread(plan, lambda stage: error.error if (error := state.errors.get(stage.key)) else None)
    if not unread:
        return plan, [state]
    rest = leave_out(plan, unread)
    return rest, [state, run(rest)]


def leave_out(plan: Plan, unread: Unread) -> Plan:
    """The plan of the same study without these languages, which its notes name with the reasons."""
    root, base, draft = plan.origin
    made = compile_study(plan.study, root, base, draft, unread)
    for target, reasons in unread.items():
        for language, reason in reasons.items():
            made.notes.append(f"{target}: {language} {LEFT_OUT}: {reason.splitlines()[0]}")
    return made


def leave_out_unread(plan: Plan, store: Store) -> Plan:
    """The plan without the languages that the last run could not read."""

    def why(stage: Stage) -> str | None:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        if store.is_done(folder) or not folder.is_dir():
            return None
        runs = sorted(folder.glob("run-*.json"))
        last = read_json(runs[-1]) if runs else None
        return str(last.get("error") or "it failed") if isinstance(last, dict) and last.get("outcome") == "failed" else None

    unread = find_unread(plan, why)
    return leave_out(plan, unread) if unread else plan
