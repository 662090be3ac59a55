"""Retrieval at every setting: does a gain or a loss hold at another layer, another pooling, with or without centring?

Retrieval has no training, so its score is also a choice of where to look. A comparison that turns or shrinks below one point
when the vectors are centred, or when each side has the setting that suits it best, says little about what was learned. The
sweep has accuracies only, no intervals. The embeddings (layer 0) are left out of the counts: no chain can do much there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain, paired
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, group_cells

LITTLE = 0.01
POOLING_WORDS = {"mean": "mean", "mean_content": "mean without special tokens", "cls": "first token"}


@dataclass(frozen=True, order=True)
class Setting:
    """Where sentence vectors are taken from, and whether each language's mean is taken away."""

    layer: int
    pooling: str
    centred: bool

    @property
    def written(self) -> str:
        centring = "centred" if self.centred else "plain"
        return f"layer {self.layer}, {POOLING_WORDS.get(self.pooling, self.pooling)}, {centring}"


@dataclass(frozen=True)
class Sweep:
    """Accuracy (0-1) of one chain or control at every setting, mean over languages and seeds. `label` as in the tables."""

    encoder: str
    target: str
    label: str
    scores: Mapping[Setting, float]
    keys: tuple[str, ...]


def accuracies(cells: Sequence[Cell]) -> dict[Setting, float]:
    """Mean over languages other than English (over all where there is no other) and over cells, at the settings of all."""
    found = []
    for cell in cells:
        values: dict[Setting, list[float]] = {}
        others = {point.language for point in cell.layers} - {ENGLISH} or {ENGLISH}
        for point in cell.layers:
            if point.language in others:
                values.setdefault(Setting(point.layer, point.pooling, point.centred), []).append(point.accuracy)
        found.append({setting: float(np.mean(own)) for setting, own in values.items()})
    shared = set.intersection(*map(set, found)) if found else set()
    return {setting: float(np.mean([own[setting] for own in found])) for setting in sorted(shared)}


def sweeps(results: Results) -> tuple[Sweep, ...]:
    """One for every encoder, retrieval target and chain (or control) that was swept, `none` first, controls last."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in sorted(results.cells, key=lambda cell: (cell.control != "", cell.chain != NO_CHAIN)):
        if cell.layers:
            label = f"{cell.chain}, {cell.control} control" if cell.control else cell.chain
            groups.setdefault((cell.encoder, cell.target, label), []).append(cell)
    return tuple(Sweep(*place, accuracies(cells), tuple(cell.key for cell in cells)) for place, cells in groups.items())


@dataclass(frozen=True)
class Shift:
    """What becomes of a retrieval gain (0-1) elsewhere. `kept` of `of` settings have its sign and at least one point;
    `turned` is the gain with the other centring, `best` with each side at its own best setting."""

    gain: Gain
    reported: Setting
    kept: int
    of: int
    turned: float | None
    best: float

    @property
    def vanishes(self) -> bool:
        """Whether the other centring or the best settings leave less than a point of it, or most settings do."""
        return 2 * self.kept < self.of or any(
            not _same(self._sign, value) for value in (self.turned, self.best) if value is not None
        )

    @property
    def _sign(self) -> int:
        return 1 if self.gain.interval is not None and self.gain.interval.estimate > 0 else -1


def _same(sign: int, value: float) -> bool:
    return sign * value >= LITTLE


def shift(results: Results, gain: Gain) -> Shift | None:
    """None where nothing was swept, or not at the setting that is reported."""
    info = next((info for info in results.targets if info.name == gain.target), None)
    groups = group_cells(results)
    sides = [groups.get((gain.encoder, chain, "", gain.target), {}) for chain in (gain.chain, gain.against)]
    found = paired(sides[0], sides[1], info) if info is not None else []
    if not found or gain.interval is None:
        return None
    ones, twos = accuracies([one for _, one, _ in found]), accuracies([two for _, _, two in found])
    layer = found[0][1].layer
    settings = [setting for setting in ones if setting in twos and setting.layer > 0]
    if layer is None or not settings:
        return None
    reported = Setting(layer, results.pooling, results.centred)
    turned = Setting(layer, results.pooling, not results.centred)
    if reported not in settings:
        return None
    sign = 1 if gain.interval.estimate > 0 else -1
    return Shift(
        gain=gain,
        reported=reported,
        kept=sum(_same(sign, ones[setting] - twos[setting]) for setting in settings),
        of=len(settings),
        turned=ones[turned] - twos[turned] if turned in settings else None,
        best=max(ones[setting] for setting in settings) - max(twos[setting] for setting in settings),
    )


def shift_sentence(found: Shift, name: str) -> str:
    """What the answer says of it; `name` is that of the pair."""
    interval = found.gain.interval
    assert interval is not None
    noun = "gain" if interval.estimate > 0 else "loss"
    where = f"{fmt.points(interval.estimate)} points at {found.reported.written}"
    turned = ""
    if found.turned is not None:
        turned = f"{'plain' if found.reported.centred else 'centred'}, at the same layer, it is {fmt.points(found.turned)}; "
    rest = (
        f"{turned}with each side at its own best setting {fmt.points(found.best)}; its sign and at least a point of it "
        f"are kept at {found.kept} of {found.of} settings"
    )
    if found.vanishes:
        return f"The retrieval {noun} of {name} ({where}) vanishes at another setting: {rest}."
    return f"The retrieval {noun} of {name} ({where}) does not hang on one setting: {rest}."
