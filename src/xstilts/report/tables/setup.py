"""The set-up of a study: its chains and recipes as tables, and its method in sentences."""

from collections.abc import Mapping

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import list_shared_data
from xstilts.analysis.results import CONTROL_WORDS, ChainInfo
from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Line, Table, list_limits, make_table

UNSET = {"dropout": "the encoder's"}  # what a setting is when the recipe does not give it


def chains_table(findings: Findings) -> Table | None:
    compare = findings.results.compare

    def describe_role(chain: ChainInfo) -> str:
        if not chain.control:
            asked = [others for name, others in compare if name == chain.name]
            over = [others[0] if len(others) == 1 else f"the mean of {fmt.listed(others)}" for others in asked]
            return f"compared with {fmt.listed(over)}" if over else ""
        noun = "placebo" if chain.control == "placebo" else f"{CONTROL_WORDS[chain.control]} control"
        return f"{noun} of {chain.of}" if chain.of else noun

    rows = [
        (chain.name, " → ".join(chain.steps) or "no intermediate training", describe_role(chain))
        for chain in findings.results.chains
    ]
    caption = "Chains: the intermediate training between the encoder and the target task."
    return make_table(caption, ("chain", "phases", "role"), rows)


def shared_data_table(findings: Findings) -> Table | None:
    """Which chains saw the data that a target is fine-tuned on, or the same texts in another form."""
    rows = []
    for chain in findings.results.chains:
        for target in findings.results.targets:
            if shared := list_shared_data(chain, target):
                own = {target.name, target.trains_on} & set(shared)
                what = "the target's own training data" if own else "texts of the target's training data"
                rows.append((chain.name, target.name, fmt.listed(shared), what))
    caption = (
        "What chains share with targets. A gain of such a pair may be due to more of the same data, so it is not counted in the "
        "answer; a compute-matched control says how much longer training gives."
    )
    return make_table(caption, ("chain", "target", "shared", "what it is"), rows)


def find_shared_settings(findings: Findings) -> dict[str, str]:
    """The settings that have one value in all training phases."""
    recipes = list(findings.results.recipes.values())
    names = dict.fromkeys(name for recipe in recipes for name in recipe)
    written = {name: {_setting(recipe, name) for recipe in recipes} for name in names}
    return {name: next(iter(values)) for name, values in written.items() if len(values) == 1}


def _setting(recipe: Mapping[str, object], name: str) -> str:
    """A setting as text. A setting that does not apply, or that another one overrides, is left empty."""
    idle = (name == "epochs" and recipe.get("steps")) or (name == "lora_alpha" and not recipe.get("lora"))
    value = None if idle else recipe.get(name)
    return str(value) if value is not None else UNSET.get(name, fmt.NOTHING)


def recipes_table(findings: Findings) -> Table | None:
    """Training phases by the settings that differ between them. The method names the other settings."""
    recipes = findings.results.recipes
    shared = find_shared_settings(findings)
    names = tuple(dict.fromkeys(name for recipe in recipes.values() for name in recipe if name not in shared))
    rows = [(phase, *(_setting(recipe, name) for name in names)) for phase, recipe in recipes.items()]
    caption = "Recipes: the settings that differ between training phases."
    return make_table(caption, ("phase", *names), rows, range(1, len(names) + 1))


def describe_method(findings: Findings) -> Line:
    """The method, a paragraph in each item."""
    results = findings.results
    lines = [
        _describe_grid(findings),
        f"A transfer gain is the score with a chain minus the score without one (the chain “{NO_CHAIN}”), for the same encoder, "
        "target and seed. It is averaged over the languages other than English, then over seeds. Targets are trained on English "
        "data only.",
    ]
    over, uncovered = ("examples", "seeds, encoders") if len(results.seeds) == 1 else ("seeds and examples", "encoders")
    few = " With few seeds, the spread between seeds has few degrees of freedom." if len(results.seeds) > 1 else ""
    lines.append(
        f"Intervals are 95 % bootstrap intervals over {over}.{few} An example that exists in several languages is drawn in all "
        f"of them together. The intervals do not cover other {uncovered}, languages or training data."
    )
    dev = [info.name for info in results.targets if info.split == "dev"]
    if dev:
        lines.append(f"Scores on {fmt.listed(dev, 12)} are from dev data. Scores on all other targets are from test data.")
    if results.policy:
        lines.append(f"Checkpoint: {results.policy}.")
    if results.retrieval:
        lines.append(f"Retrieval: {results.retrieval}.")
    if limits := list_limits(findings):
        lines.append(
            f"The number of examples is limited ({limits}). Scores on limited data cannot be compared with published scores."
        )
    if shared := find_shared_settings(findings):
        settings = ", ".join(f"{name} {value}" for name, value in shared.items() if value != fmt.NOTHING)
        lines.append(f"Settings of every training phase: {settings}.")
    return tuple(lines)


def _describe_grid(findings: Findings) -> str:
    results = findings.results
    if not results.encoders:
        return "The study names no encoder."
    chains = [chain for chain in results.chains if not chain.control]
    controls = len(results.chains) - len(chains)

    def size(name: str) -> str:
        return f"{name} with {fmt.weights(results.sizes[name])}" if name in results.sizes else name

    unit = " weights, embeddings not counted" if set(results.encoders) & set(results.sizes) else ""
    seeds = fmt.listed(str(seed) for seed in results.seeds)
    parts = [
        f"{fmt.count(len(results.encoders), 'encoder')} ({fmt.listed(map(size, results.encoders), 8)}{unit})",
        fmt.count(len(chains), "chain"),
        *([fmt.count(controls, "control")] if controls else []),
        fmt.count(len(results.targets), "target"),
        f"{fmt.count(len(results.seeds), 'seed')} ({seeds or 'none'})",
    ]
    return f"The study has {fmt.listed(parts)}."
