"""Suites: the tasks and languages of a benchmark, and how it averages them. Every average says what it is an average of.

XTREME (Hu et al. 2020) and XTREME-R (Ruder et al. 2021): languages, groups and averages of google-research/xtreme, evaluate.py.
The score of a task is the unweighted mean of the headline value over its languages, English included (question answering: of
(EM + F1) / 2). A group is the mean of its tasks. The suite is the mean over all tasks, not over groups. Two choices differ from
evaluate.py. Its XTREME-R never scores LAReQA (no languages); here LAReQA is one of the ten tasks, in the group retrieval, with
the 11 languages of XQuAD-R. Its group `multi_choice` (XCOPA again) only selects a file suffix, so it is no group here: groups
share no task. STILTs-9 are the intermediate tasks of Phang et al. 2020, who do not average them, so it has no groups.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xstilts.errors import InputError, nearest
from xstilts.tasks.registry import find_task

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Suite:
    """The languages of each task, and the tasks of each group."""

    name: str
    tasks: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class SuiteAverage:
    """A mean, and what it is a mean of. `value` is None if there is nothing to average.

    `tasks` and `languages` are (scored, in the suite); a language counts once for each task. `missing` names a task, or
    `task/language` if only some languages are missing. `values`: for one task, the mean of each value."""

    value: float | None
    tasks: tuple[int, int]
    languages: tuple[int, int]
    missing: tuple[str, ...]
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def partial(self) -> bool:
        return bool(self.missing)


@dataclass(frozen=True)
class SuiteAverages:
    """The averages of a suite. `tasks` and `groups` have all of them, scored or not."""

    overall: SuiteAverage
    groups: Mapping[str, SuiteAverage]
    tasks: Mapping[str, SuiteAverage]


def average_suite(suite: Suite, scores: Scores) -> SuiteAverages:
    """Averages of {task: {language: {value name: x}}}, on any scale. Languages outside the suite are left out.

    A task with missing languages enters its group and the suite with the mean of the languages that it has; `partial` says
    so."""
    for task in scores:
        if task not in suite.tasks:
            raise InputError(f"{task} is not a task of {suite.name}{nearest(task, suite.tasks)}")
    tasks = {task: _average_task(task, languages, scores.get(task, {})) for task, languages in suite.tasks.items()}
    groups = {group: _pool(tasks[task] for task in members) for group, members in suite.groups.items()}
    return SuiteAverages(_pool(tasks.values()), groups, tasks)


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _average_task(task: str, languages: tuple[str, ...], scores: Mapping[str, Mapping[str, float]]) -> SuiteAverage:
    metric = find_task(task).metric
    assert metric is not None
    found = [code for code in languages if code in scores]
    missing = tuple(f"{task}/{code}" for code in languages if code not in scores) if found else (task,)
    means = {name: _mean(scores[code][name] for code in found) for name in metric.values}
    values = {name: value for name, value in means.items() if value is not None}
    headline = _mean(values[metric.values[index]] for index in metric.main if values)
    return SuiteAverage(headline, (int(bool(found)), 1), (len(found), len(languages)), missing, values)


def _pool(tasks: Iterable[SuiteAverage]) -> SuiteAverage:
    members = list(tasks)
    return SuiteAverage(
        value=_mean(task.value for task in members if task.value is not None),
        tasks=_add_counts(task.tasks for task in members),
        languages=_add_counts(task.languages for task in members),
        missing=tuple(name for task in members for name in task.missing),
    )


def _add_counts(counts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    found, of = zip(*counts, strict=True)
    return sum(found), sum(of)


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_XNLI = _codes("ar bg de el en es fr hi ru sw th tr ur vi zh")
_PANX = _codes(
    "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr et fi hu"
)
_UDPOS = _codes("af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh")
_TATOEBA = _codes("ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu")
_XQUAD = _codes("en es de el ru tr ar vi th zh hi")
_MLQA = _codes("en es de ar hi vi zh")
_TYDIQA = _codes("en ar bn fi id ko ru sw te")

XTREME = Suite(
    name="xtreme",
    tasks={
        "xnli": _XNLI,
        "pawsx": _codes("de en es fr ja ko zh"),
        "udpos": _UDPOS,
        "panx": _PANX,
        "xquad": _XQUAD,
        "mlqa": _MLQA,
        "tydiqa": _TYDIQA,
        "bucc2018": _codes("de fr ru zh"),
        "tatoeba": _TATOEBA,
    },
    groups={
        "classification": ("xnli", "pawsx"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("bucc2018", "tatoeba"),
    },
)

XTREME_R = Suite(
    name="xtreme-r",
    tasks={
        "xnli": _XNLI,
        "xcopa": _codes("et ht id it qu sw ta th tr vi zh"),
        "udpos": (*_UDPOS, *_codes("lt pl uk wo ro")),
        "panx": (*_PANX, *_codes("qu pl uk az lt pa gu ro")),
        "xquad": (*_XQUAD, "ro"),
        "mlqa": _MLQA,
        "tydiqa": _TYDIQA,
        "tatoeba": (*_TATOEBA, *_codes("az lt pl uk ro")),
        "lareqa": _XQUAD,
        "mewslix": _codes("ar de en es fa ja pl ro ta tr uk"),
    },
    groups={
        "classification": ("xnli", "xcopa"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("tatoeba", "lareqa", "mewslix"),
    },
)

_STILTS = _codes("anli_plus mnli qqp squad_v1 squad_v2 hellaswag ccg cosmosqa commonsenseqa")
STILTS_9 = Suite(name="stilts-9", tasks=dict.fromkeys(_STILTS, ("en",)), groups={})

SUITES = {suite.name: suite for suite in (STILTS_9, XTREME, XTREME_R)}


def find_suite(name: str) -> Suite:
    """The suite of that name. Raises InputError with the nearest name if there is none."""
    if name not in SUITES:
        raise InputError(f"no suite {name!r}{nearest(name, SUITES)}")
    return SUITES[name]
