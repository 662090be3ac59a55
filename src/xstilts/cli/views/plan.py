"""A plan in the terminal and as JSON: its stages and trainings, what cells share, what is new and why, what it costs."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gather import describe_shared_data
from xstilts.cli.views.progress import describe_time_left
from xstilts.execution.execute import State
from xstilts.execution.executors.local import graphics_cards
from xstilts.execution.schedule import Schedule
from xstilts.plan.compile import Plan
from xstilts.plan.controls import arms
from xstilts.plan.cost.estimate import SHARE, Estimate, assumptions, measure_processor
from xstilts.plan.cost.sizes import EMBEDDED
from xstilts.plan.trainings import Trainings, describe_sharing, trainings
from xstilts.plan.warnings import list_warnings, measure_length
from xstilts.stages.stage import KINDS, TrainStage

GIB = 2**30
LEAST_GPU_HOURS = 0.1  # fewer say nothing to somebody who has no card
WORKERS = (1, 8, 64, 512)
SHORT_SHARE = 0.01  # stages that take less of the longest path are not printed


def print_plan(
    console: Console,
    plan: Plan,
    state: State,
    why: dict[str, list[str]],
    cost: Estimate,
    schedule: Schedule,
    workers: Sequence[int],
) -> None:
    """Print the stages by kind, why they are new, the trainings and what cells share, the cost, how long it takes on so many
    workers, and what is missing."""
    new = [stage for stage in plan.stages if state.status[stage.key] != "done"]
    console.print(Text.assemble((plan.study.name, "bold"), f": {plan.study.question}"), soft_wrap=True)
    attacked = f", {len(plan.attacked)} more under {fmt.count(len(plan.study.conditions), 'attack')}" if plan.attacked else ""
    cells = f"{len(plan.cells)} cells{attacked}"
    console.print(f"{cells}, {len(plan.stages)} stages: {len(new)} new, {len(plan.stages) - len(new)} cached\n")
    console.print(_tabulate_stages(plan, state))
    causes = Counter(cause for stage in new for cause in why[stage.key])
    for cause, count in causes.most_common():
        console.print(Text.assemble(f"\n{count} new because ", (cause, "bold")), soft_wrap=True)
    others = sum(1 for stage in new if not why[stage.key])
    if causes and others:
        console.print(f"{others} new because their inputs are new, or because they were never made before")
    if found := trainings(plan):
        console.print("")
        console.print(_tabulate_trainings(found, plan, state))
        for sentence in describe_sharing(plan, found):
            console.print(f"  {sentence}", soft_wrap=True)
    if new:
        console.print("")
        _print_cost(console, cost)
        room = free_space(state.store.root)
        if cost.bytes > room:
            text = f"the store needs {format_bytes(cost.bytes)}, and {format_bytes(room)} are free on its disk"
            console.print(text, style="bold red", soft_wrap=True)
        if schedule.measured or cost.hours() >= LEAST_GPU_HOURS:
            _print_schedule(console, schedule, workers, state, cost)
        else:
            console.print("how long it takes is not known yet: no similar stage is in the store")
    print_gaps(console, plan)
    if shared := describe_shared_data(plan):
        console.print(f"note: {shared}", style="dim", soft_wrap=True)
    for sentence in list_warnings(plan):
        console.print(f"warning: {sentence}", style="yellow", soft_wrap=True)


def free_space(folder: Path) -> int:
    """Bytes that are free on the disk on which a folder is, or will be."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def _tabulate_stages(plan: Plan, state: State) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for name in ("stage", "new", "cached", "needed by cells"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for kind in KINDS:
        stages = [stage for stage in plan.stages if stage.kind == kind]
        if stages:
            fresh = sum(1 for stage in stages if state.status[stage.key] != "done")
            table.add_row(kind, str(fresh), str(len(stages) - fresh), f"{sum(plan.uses[stage.key] for stage in stages):,}")
    return table


def _tabulate_trainings(found: list[Trainings], plan: Plan, state: State) -> Table:
    stages = {stage.key: stage for stage in plan.stages}
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for name in ("training", "on", "new", "cached", "steps", "epochs", "for targets"):
        words = name in ("training", "on", "for targets")
        table.add_column(name, justify="left" if words else "right", overflow="fold", no_wrap=name == "training")
    for group in found:
        fresh = sum(1 for key in group.keys if state.status[key] != "done")
        targets = group.targets if group.role in ("target", "compute-matched") else ()
        stage = stages[group.keys[0]]
        long = measure_length(stage) if isinstance(stage, TrainStage) else None
        steps = f"{long.steps:,}" if long else ""
        epochs = f"{long.epochs:.3g}" if long and long.epochs else ""
        table.add_row(group.role, group.name, str(fresh), str(len(group.keys) - fresh), steps, epochs, ", ".join(targets))
    return table


def _print_cost(console: Console, cost: Estimate) -> None:
    if cost.flops and not graphics_cards():
        rate = measure_processor()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        hours = cost.flops / rate / 3600
        words = f"about {hours:,.2g}" if hours < 10 else f"about {hours:,.0f}"
        words += f" hours on this processor ({fmt.count(cores, 'core')})"
        rest = f" ({cost.flops:.2g} FLOPs), {format_bytes(cost.bytes)} of disk"
        console.print(Text.assemble((words, "bold"), rest), soft_wrap=True)
        assumed = f"rate: {rate / 1e9:,.0f} GFLOP/s, assumed: {SHARE:.0%} of what numpy multiplies here now in fp32"
        console.print(f"  {assumed}; bf16 is faster where the processor has it", style="dim", soft_wrap=True)
    if cost.flops and (graphics_cards() or cost.hours() >= LEAST_GPU_HOURS):
        parts = ", ".join(f"{kind} {cost.hours(kind):,.2g}" for kind, one in cost.costs.items() if one.flops)
        rest = f" ({parts}; {cost.flops:.2g} FLOPs), {format_bytes(cost.bytes)} of disk"
        console.print(Text.assemble((f"at least {cost.hours():,.3g} GPU-hours", "bold"), rest), soft_wrap=True)
        for sentence in assumptions(cost):
            console.print(f"  {sentence}", style="dim", soft_wrap=True)
    unknown = {what: languages for what, languages in cost.unknown.items() if what != EMBEDDED}
    if unknown:
        named = ", ".join(f"{what}{_format_languages(languages)}" for what, languages in unknown.items())
        left_out = f"; {cost.left_out} stages are left out" if cost.left_out else ""
        lacking = f"not in the estimate, because its size is not known: {named}{left_out}"
        console.print(lacking, style="yellow", soft_wrap=True)
    if EMBEDDED in cost.unknown:
        console.print("no estimate for the embedded world: it takes minutes on a CPU")


def _print_schedule(console: Console, schedule: Schedule, workers: Sequence[int], state: State, cost: Estimate) -> None:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("workers")
    for count in workers:
        table.add_column(f"{count:,}", justify="right")
    table.add_row("time", *(format_duration(schedule.simulate(count)) for count in workers))
    console.print(table)
    if schedule.measured:
        left = state.time_left()
        basis = "from what stages of earlier runs took" + (f"; on one worker {describe_time_left(left)}" if left else "")
    else:
        basis = "from the FLOPs, with such a card for each worker: a floor, like the GPU-hours"
        basis += "; stages of unknown size count like others of their kind" if cost.left_out else ""
    path = [(stage.label, schedule.seconds[stage.key]) for stage in schedule.path]
    long = [f"{label} {format_duration(seconds)}" for label, seconds in path if seconds >= SHORT_SHARE * schedule.least]
    enough = f"from about {fmt.count(schedule.most_workers, 'worker')} on, more gain nothing"
    line = (("  longest path ", ""), (format_duration(schedule.least), "bold"), (f": {' -> '.join(long)}; {enough}", ""))
    console.print(Text.assemble(*line), soft_wrap=True)
    console.print(f"  {basis}", style="dim", soft_wrap=True)


def format_duration(seconds: float) -> str:
    """Two digits or three in the unit that suits: 24 s, 15 min, 16.4 h, 5.2 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.1f} days"


def _format_languages(codes: set[str]) -> str:
    return f" in {len(codes)} languages" if len(codes) > 6 else f" in {' '.join(sorted(codes))}" if codes else ""


def format_bytes(count: float) -> str:
    """A number of bytes in GiB, a small one in KiB or MiB, a large one in TiB."""
    gib = count / GIB
    if gib < 0.01:
        mib = 1024 * gib
        return f"{mib:,.1f} MiB" if mib >= 1 else f"{1024 * mib:,.0f} KiB"
    return f"{gib / 1024:,.1f} TiB" if gib >= 1024 else f"{gib:,.0f} GiB" if gib >= 10 else f"{gib:,.2f} GiB"


def print_gaps(console: Console, plan: Plan) -> None:
    """Print what a plan lacks, and notes about where its data come from."""
    for sentence in plan.unresolved:
        console.print(f"before it can run: {sentence}", style="yellow", soft_wrap=True)
    for task, absent in plan.missing.items():
        gap = f"{task}: left out for want of data: {', '.join(absent)}"
        console.print(gap, style="yellow", soft_wrap=True)
    same: dict[str, list[str]] = {}
    for note in plan.notes:
        what, _, remark = note.partition(": ")
        same.setdefault(remark, []).append(what)
    for remark, subjects in same.items():
        console.print(f"note: {': '.join(filter(None, (', '.join(subjects), remark)))}", style="dim", soft_wrap=True)


def plan_record(
    plan: Plan, state: State, why: dict[str, list[str]], cost: Estimate, schedule: Schedule, workers: Sequence[int]
) -> dict[str, Any]:
    """The plan as JSON."""
    found = trainings(plan)
    return {
        "study": plan.study.name,
        "stages": [
            {
                "kind": stage.kind,
                "slug": stage.slug,
                "key": stage.key,
                "state": state.status[stage.key],
                "because": why.get(stage.key, []),
                "used_by": plan.uses[stage.key],
                "inputs": stage.fingerprint["inputs"],
                "config": stage.fingerprint["config"],
            }
            for stage in plan.stages
        ],
        "counts": dict(Counter(stage.kind for stage in plan.stages)),
        "trainings": [
            {
                "role": group.role,
                "on": group.name,
                "count": len(group.keys),
                "new": sum(1 for key in group.keys if state.status[key] != "done"),
                "chains": group.chains,
                "targets": group.targets,
                "cells": group.cells,
                "also": group.also,
            }
            for group in found
        ],
        "shared": describe_sharing(plan, found),
        "cells": len(plan.cells),
        "conditions": [condition.name for condition in plan.study.conditions],
        "attacked_cells": len(plan.attacked),
        "leaking_cells": sum(cell.leak for cell in plan.cells),
        "controls": {arm.name: {"control": arm.control, "of": arm.of} for arm in arms(plan.study) if arm.control},
        "estimate": cost.record(),
        "schedule": schedule.record(workers) if schedule.measured or cost.flops else None,
        "unresolved": plan.unresolved,
        "missing": plan.missing,
        "notes": plan.notes,
        "shared_data": describe_shared_data(plan),
        "warnings": list_warnings(plan),
        "seconds_left": left.seconds if (left := state.time_left()) else None,
    }
