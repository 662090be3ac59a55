"""A greedy search for character edits against TextAttack's, on the same pairs and the same victim: rows a second, and success.

The victim is a pair classifier that is trained here: from random weights, on which domain a pair of the embedded world is
about (its inference is not learned so fast); where an encoder is given, on XNLI's English dev pairs. Test pairs are attacked.
Both load the same weights. A turn attacks the next `PAIRS` pairs; when all have been attacked, they are again with the next
seed. Rows are counted where the victim runs, the clean pair included, so what a cache answers does not count. The peer runs as
it comes, padding each row to the tokenizer's longest (512 in XLM-R), and with its victim changed to pad to the longest row of
a batch, which is fairer than its default. Ours also runs in bf16, and with half of the spellings, which asks about as often as
the peer does.

Both edit the inside of words of four letters or more, one edit a word, four spellings of each, `BUDGET` of the words at most,
rounded down. What still differs: ours tries all spellings of all words alone and then puts the best together, theirs ranks the
words by what <unk> in their place does and then tries the spellings of one word after the other; ours draws the four spellings
from four edits at random, doubles letters instead of inserting others, replaces letters by frequent ones of the test set, and
makes no word that the test set has; theirs has one spelling of each edit.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Any

import machine
import peer_textattack
from inputs import Inputs, data_root
from rounds import HERE, Answers, Turn, Variant, interleave, median_seconds, ratio, shown

PAIRS, CHUNKS = 36, 3
BUDGET, SPELLINGS = 0.1, 4
MAX_LENGTH = 128
WARM = 1
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Z = NormalDist().inv_cdf(0.975)


def write_victim(folder: Path, encoder: Path | None, tiny: bool, pairs: int) -> None:
    """Train a pair classifier. Into `folder`: `stage` as the train stage leaves it, `hub` as it is exported, and pairs.json, the
    labels and the test pairs: (id, texts, answer) each."""
    import torch

    from xstilts.formats.classify import Classify
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.model import fresh_model, save_model, trunk_folder
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.encoder_identity import Architecture
    from xstilts.recipe.mixture import MixtureRule
    from xstilts.recipe.recipe import Recipe
    from xstilts.stages.export import write_folder
    from xstilts.stages.scratch import word_tokenizer, write_scratch
    from xstilts.tasks import find_task, read_examples
    from xstilts.train.loop import MixtureTask, PhaseSpec, Training
    from xstilts.world import WorldConfig, list_words
    from xstilts.world.inference import NLI_OF_DOMAIN

    start = folder / "start"
    steps = 20 if tiny else 300 if encoder else 200
    if encoder:
        form = find_task("xnli").format
        train, test = (list(read_examples(find_task("xnli"), split, "en", data_root())) for split in ("dev", "test"))
        start.mkdir(parents=True)
        trunk_folder(start).symlink_to(encoder)
        precision: Any = "bf16" if machine.multiplies_bf16("cpu") else "fp32"
        recipe = Recipe(lr=2e-4, batch=32, steps=steps, max_length=MAX_LENGTH, precision=precision)
    else:
        form = Classify(labels=NLI_OF_DOMAIN)
        train, test = _domains("train"), _domains("test")
        shape = {"hidden": 32, "layers": 1} if tiny else {"hidden": 128, "layers": 4, "feed_forward": 512}
        write_scratch(trunk_folder(start), word_tokenizer(list_words(WorldConfig())), Architecture(**shape), 0)
        recipe = Recipe(lr=1e-3, batch=32, steps=steps, max_length=MAX_LENGTH, dropout=0.0)
    codec = CODECS[form.name](form, load_tokenizer(trunk_folder(start)), recipe)
    torch.manual_seed(0)
    model = fresh_model(start, {"task": codec}, recipe.dropout)
    member = MixtureTask("task", codec, codec.encode(train, training=True))
    with tempfile.TemporaryDirectory() as checkpoint:
        Training(model, [member], recipe, PhaseSpec(MixtureRule(), 0), Path(checkpoint)).run()
    (folder / "stage").mkdir()
    save_model(model, {"task": form}, trunk_folder(start), folder / "stage")
    write_folder(folder / "stage", folder / "hub", "task")
    chosen = [(e.id, e.texts, e.answer) for e in islice(test, pairs)]
    found = {"labels": form.labels, "pairs": chosen}
    (folder / "pairs.json").write_text(json.dumps(found), encoding="utf-8")


def _domains(split: str) -> list[Any]:
    """English pairs of the world, each with its domain as the answer, one of each domain in turn."""
    from xstilts.world import WorldConfig, generate
    from xstilts.world.inference import NLI_OF_DOMAIN

    pairs = zip(*(generate(WorldConfig(), domain, split, "en") for domain in NLI_OF_DOMAIN), strict=True)
    return [replace(one, answer=domain) for some in pairs for domain, one in zip(NLI_OF_DOMAIN, some, strict=True)]


def run(spec: dict[str, Any], precision: Any, spellings: int) -> None:
    """Our variant's process. The victim is that of a cell (`CellVictim`), without a store."""
    from xstilts.attacks.attack import Pool
    from xstilts.attacks.registry import find_attack
    from xstilts.attacks.search import GreedySearch, search
    from xstilts.formats.classify import Classify, ClassifyExample
    from xstilts.formats.format import Example
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.encoder import round_linears
    from xstilts.model.model import load_model, trunk_folder
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.recipe import Recipe
    from xstilts.train.evaluate import measure_margins

    source, form = Path(spec["stage"]), Classify(labels=tuple(spec["labels"]))
    codec = CODECS[form.name](form, load_tokenizer(trunk_folder(source)), Recipe(max_length=MAX_LENGTH, precision=precision))
    model = load_model(source, "task", codec)
    if precision == "bf16":
        round_linears(model.encoder)
    turns = [[ClassifyExample(name, tuple(texts), form.labels[label]) for name, texts, label in turn] for turn in spec["turns"]]
    pool = Pool(same=[example for examples in turns for example in examples])
    attack, method = find_attack("characters"), GreedySearch(spellings)
    rows = 0

    def victim(examples: Any) -> list[float]:
        nonlocal rows
        rows += len(examples)
        return measure_margins(model, "task", codec, examples)

    answers = Answers()
    answers.ready()
    for number in count(-WARM):
        answers.wait()
        began, rows = time.process_time(), 0
        examples: list[Example] = list(turns[number % len(turns)])
        seed = 1 + number // len(turns)
        found = search(victim, attack, examples, "en", method, seed=seed, budget=spec["budget"], pool=pool)
        broken = {one.source: one.broken if one.clean >= one.threshold else None for one in found}
        answers.done(cpu=time.process_time() - began, rows=rows, broken=broken)


def measure(inputs: Inputs, rounds: int, seconds: float) -> list[dict[str, Any]]:
    from xstilts.attacks.first_wave.characters import SHORTEST

    pairs, chunks = (4, 2) if inputs.tiny else (PAIRS, CHUNKS)
    victim = f"{inputs.encoder.name}, XNLI" if inputs.encoder else "domains of the embedded world"
    title = f"greedy attack, {victim}, {pairs} pairs a turn"
    print(f"\n{title}")
    if trouble := peer_textattack.trouble():
        print(f"  not run: {peer_textattack.NAME}: {trouble}")
        return [{"name": title, "peer": peer_textattack.NAME, "not_run": trouble}]
    folder = inputs.folder / "victim"
    if not (folder / "pairs.json").is_file():
        what = [str(folder), str(inputs.encoder or ""), str(int(inputs.tiny)), str(pairs * chunks)]
        subprocess.run([sys.executable, str(HERE / "attack.py"), "--write", *what], check=True, capture_output=True)
    given = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    cases = [(name, texts, given["labels"].index(answer)) for name, texts, answer in given["pairs"]]
    spec = {"stage": str(folder / "stage"), "hub": str(folder / "hub"), "labels": given["labels"], "budget": BUDGET}
    spec |= {"turns": [cases[i::chunks] for i in range(chunks)], "max_length": MAX_LENGTH, "shortest": SHORTEST}
    spec |= {"threads": machine.threads(), "letters": LETTERS, "warm": WARM}
    path = folder / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    ours = [_ours(path, "fp32", SPELLINGS), _ours(path, "fp32", SPELLINGS // 2)]
    ours += [_ours(path, "bf16", SPELLINGS)] * machine.multiplies_bf16("cpu")
    fair, usual = (peer_textattack.variant(*how) for how in ((peer_textattack.LONGEST, path, 2), (peer_textattack.NAME, path, 1)))
    variants = [*ours, fair, usual]
    taken = interleave(variants, rounds, WARM, seconds)
    found: list[dict[str, Any]] = [{"name": title, "peer": v.name, "not_run": v.trouble} for v in variants if v.trouble]
    pairs_of = [(f"{fair.name} again", fair.name), *((one.name, peer.name) for one in ours for peer in (fair, usual))]
    for one, other in pairs_of:
        if taken.get(one) and taken.get(other):
            found.append(_record(title, one, other, taken[one], taken[other]))
            print(_lines(found[-1]))
    for record in found:
        if "not_run" in record:
            print(f"  not run: {record['peer']}: {record['not_run']}")
    return found


def _ours(spec: Path, precision: str, spellings: int) -> Variant:
    command = [sys.executable, str(HERE / "attack.py"), "--run", str(spec), precision, str(spellings)]
    return Variant(f"xstilts {precision}, {spellings} spellings", command)


def _record(title: str, ours: str, peer: str, turns: list[Turn], theirs: list[Turn]) -> dict[str, Any]:
    """`ratio`: of rows a second, ours to the peer's. `success`: (share of the attacks on right pairs that break them, least and
    greatest of its 95 % interval), over pairs; the same for the difference between both, paired."""
    rates, peer_rates = ([{"seconds": turn["seconds"] / turn["rows"]} for turn in side] for side in (turns, theirs))
    cpu, peer_cpu = ([{"seconds": turn["cpu"] / turn["rows"]} for turn in side] for side in (turns, theirs))
    record: dict[str, Any] = {
        "name": f"{title}: {ours}",
        "peer": peer,
        "ratio": ratio(peer_rates, rates),
        "ratio_of_processor_time": ratio(peer_cpu, cpu),
        "ratio_for_the_same_pairs": ratio(theirs, turns),
        "rounds": len(turns),
        "seconds": median_seconds(turns),
        "peer_seconds": median_seconds(theirs),
    }
    broken, peer_broken = _by_pair(turns), _by_pair(theirs)
    for name, side, own in (("", turns, broken), ("peer_", theirs, peer_broken)):
        attacks = sum(answer is not None for turn in side for answer in turn["broken"].values())
        record[f"{name}rows_per_second"] = sum(turn["rows"] for turn in side) / sum(turn["seconds"] for turn in side)
        record[f"{name}rows_per_attack"] = sum(turn["rows"] for turn in side) / max(attacks, 1)
        record[f"{name}success"] = _interval(list(own.values()))
    both = broken.keys() & peer_broken.keys()
    record["difference"] = _interval([broken[pair] - peer_broken[pair] for pair in sorted(both)])
    record["pairs"] = len(both)
    if broken.keys() != peer_broken.keys():
        record["doubt"] = "not the same pairs are right"
    return record


def _by_pair(turns: list[Turn]) -> dict[str, float]:
    """How often each pair that the victim gets right was broken, as a share of its attacks."""
    answers: dict[str, list[bool]] = {}
    for turn in turns:
        for pair, answer in turn["broken"].items():
            if answer is not None:
                answers.setdefault(pair, []).append(answer)
    return {pair: fmean(own) for pair, own in answers.items()}


def _interval(values: list[float]) -> tuple[float, float, float]:
    """The mean with its 95 % interval (normal)."""
    if len(values) < 2:
        return (math.nan, math.nan, math.nan)
    mean, width = fmean(values), Z * stdev(values) / math.sqrt(len(values))
    return mean, mean - width, mean + width


def _lines(record: dict[str, Any]) -> str:
    ours = record["name"].rsplit(": ", 1)[1]
    cpu, wall = (shown(record[name]).strip() for name in ("ratio_of_processor_time", "ratio_for_the_same_pairs"))
    rates = f"{record['rows_per_second']:,.0f} rows/s against {record['peer_rows_per_second']:,.0f}"
    each = f"{record['rows_per_attack']:.0f} rows an attack against {record['peer_rows_per_attack']:.0f}"
    seconds = f"{record['seconds']:.2f} s against {record['peer_seconds']:.2f} s"
    shares = [
        f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        for mean, low, high in (record["success"], record["peer_success"], record["difference"])
    ]
    success = f"success {shares[0]} against {shares[1]} %, difference {shares[2]}, {record['pairs']} pairs"
    return (
        f"  {ours}: {shown(record['ratio']).strip()} {record['peer']} in rows a second: {rates}\n"
        f"    {cpu} in processor time a row; {wall} for the same pairs: {seconds}, {each}\n"
        f"    {success}" + (f"; {record['doubt']}" if "doubt" in record else "")
    )


if __name__ == "__main__":
    import torch

    torch.set_num_threads(machine.threads())
    if sys.argv[1] == "--write":
        folder, encoder, tiny, pairs = sys.argv[2:]
        write_victim(Path(folder), Path(encoder) if encoder else None, bool(int(tiny)), int(pairs))
    else:
        spec, precision, spellings = sys.argv[2:]
        run(json.loads(Path(spec).read_text(encoding="utf-8")), precision, int(spellings))
