"""The certificate of calibration: a sentence and a small table."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.calibration import Rate
from xstilts.metrics.significance import FEWEST_SEEDS
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Table, make_table


def describe_calibration(findings: Findings) -> str:
    """What was simulated, and what came out; why there is nothing to simulate; "" if the study has no gains."""
    one = findings.calibration
    if not findings.gains:
        return ""
    if one is None:
        return f"No comparison that counts has {FEWEST_SEEDS} seeds. Nothing is called, so there is nothing to calibrate."
    held = "keeps" if one.any_false_null.share <= 0.05 + 2 * one.any_false_null.error else "does not keep"
    return (
        f"This study's design was simulated {one.studies:,} times: {fmt.count(one.family, 'comparison')} on "
        f"{fmt.count(one.targets, 'target')}, {fmt.count(one.seeds, 'seed')}, {100 * one.seed_share:.0f} % of the variance from "
        "seeds, chains with a common control, and the same intervals, p values and correction. The gains of seeds and what "
        f"examples add were drawn as normal; the bootstrap was not repeated. The design {held} its promise of at most 5 % of "
        "studies with a false claim."
    )


def summarise_calibration(findings: Findings) -> str:
    """The rates in a sentence, for the end of a run; "" if nothing was simulated."""
    one = findings.calibration
    if one is None:
        return ""
    return (
        f"The certificate: of {one.studies:,} simulated studies of this design, {_write(one.any_false_null)} make a false claim; "
        f"{_write(one.coverage)} of the 95 % intervals hold; of gains of {one.planted_points:.1f} points, {_write(one.power)} "
        "are called."
    )


def calibration_table(findings: Findings) -> Table | None:
    one = findings.calibration
    if one is None:
        return None
    caption = "Simulated rates, with twice their simulation error. Planted: one chain of each target has a true gain."
    columns = ("world", "studies with a false claim", "95 % intervals that hold", "true gains called")
    planted = f"gains of {one.planted_points:.1f} points planted"
    rows = [
        ("no chain has a gain", _write(one.any_false_null), _write(one.coverage), fmt.NOTHING),
        (planted, _write(one.any_false_planted), fmt.NOTHING, _write(one.power)),
    ]
    return make_table(caption, columns, rows, (1, 2, 3))


def _write(rate: Rate) -> str:
    return f"{100 * rate.share:.1f} ± {200 * rate.error:.1f} %"
