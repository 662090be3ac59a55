"""The frozen design in words and as JSON: when it was frozen, what deviates from it, and what is confirmatory."""

from typing import Any

from xstilts.analysis import formatting as fmt
from xstilts.analysis.registration import MOST_NAMED, Registration
from xstilts.plan.design import Design
from xstilts.report.tables.table import Table, make_table
from xstilts.study import NO_CHAIN

NOTHING_FROZEN = "Nothing was frozen before the run: all of this is exploratory."


def describe_registration(found: Registration | None) -> tuple[str, ...]:
    """When the design was frozen and what of the report is confirmatory."""
    if found is None:
        return (NOTHING_FROZEN,)
    pairs = [f"{chain} → {target}" for chain, target in found.confirmatory]
    if pairs:
        asked = fmt.count(len(found.frozen.design.primary), "primary pair")
        status = f"Confirmatory: {len(pairs)} of {asked} ({fmt.listed(pairs, MOST_NAMED)}). Everything else is exploratory."
    elif not found.frozen.scores_then.none:
        status = "What could be seen before is not confirmed by a later plan: all of this is exploratory."
    else:
        status = "A deviation concerns every frozen primary pair: all of this is exploratory."
    count = fmt.count(len(found.deviations), "deviation") if found.deviations else "No deviation"
    others = [f"Another frozen design of this study: {one}" for one in found.others]
    return (str(found.frozen), f"{count} from the frozen design. {status}", *others)


def list_deviations(found: Registration) -> tuple[str, ...]:
    return tuple(f"{deviation.text}." for deviation in found.deviations)


def design_table(design: Design) -> Table | None:
    """What was frozen."""
    chains = [name for name in design.chains if name != NO_CHAIN]
    margins: dict[float, list[str]] = {}
    for name, target in design.targets.items():
        margins.setdefault(target.margin, []).append(name)
    languages: dict[tuple[str, ...], list[str]] = {}
    for name, target in design.targets.items():
        languages.setdefault(target.languages, []).append(name)
    every = len(design.primary) == len(chains) * len(design.targets)
    rows = [
        ("question", design.question),
        ("primary pairs", "every chain on every target" if every else ", ".join(map(" → ".join, design.primary))),
        ("compared chains", "; ".join(map(" over ".join, design.compare))),
        ("encoders", ", ".join(design.encoders)),
        ("seeds", ", ".join(map(str, design.seeds))),
        ("chains", ", ".join(chains)),
        ("controls", ", ".join(design.controls)),
        ("attacks on the test data", "; ".join(design.conditions)),
        *((f"languages of {', '.join(names)}", " ".join(codes)) for codes, names in languages.items()),
        ("margins in points", "; ".join(f"{points:g} ({', '.join(names)})" for points, names in margins.items())),
        ("limits", ", ".join(f"{name} {most:,}" for name, most in design.limits.items())),
        ("keys of scores", f"{len(design.scores)} of {design.cells} were known"),
        ("sha256", design.sha256),
    ]
    return make_table("What was frozen. Recipes are in the record too.", ("field", "frozen"), [row for row in rows if row[1]])


def registration_record(found: Registration | None) -> dict[str, Any]:
    """The same as JSON."""
    if found is None:
        return {"frozen": None, "exploratory": True, "says": [NOTHING_FROZEN]}
    return {
        "frozen": found.frozen.record() | {"design": found.frozen.design.record()},
        "deviations": [{"what": one.what, "text": one.text, "pairs": sorted(one.pairs)} for one in found.deviations],
        "confirmatory": found.confirmatory,
        "exploratory": not found.confirmatory,
        "others": [one.record() for one in found.others],
        "says": describe_registration(found),
    }
