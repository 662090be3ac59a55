"""TextAttack as a variant: its own environment (transformers 4.57), its own search, one pair after the other.

    python bench/peer_textattack.py      installs it into bench/out/peers/textattack (or $BENCH_TEXTATTACK)

`make bench` never installs it: it measures it where it is there, and says so where it is not. The variant is its greedy search by
word importance (`GreedyWordSwapWIR`, a word's importance being what <unk> in its place does), with its four character edits as
the candidates of a word. Three small classes make it the attack that ours is: only words of four letters or more are edited, a
substitution keeps the first and the last letter as its other edits can, and the share of words is rounded down as ours is.
`Attack.attack` is called as it is, without logging, and its caches are emptied before each turn.

It imports flair and langdetect, and reads nltk's stopwords, and this attack needs none of them: stand-ins with nothing in them
do. tensorflow is not needed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import OrderedDict
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from rounds import HERE, OUT, Answers, Variant

NAME, LONGEST = "TextAttack", "TextAttack padded to the longest row"
PACKAGE = "textattack==0.3.11"
NEEDS = (
    *("torch==2.13.0", "transformers==4.57.6", "huggingface_hub==0.36.2", "sentencepiece", "numpy<3", "pandas", "scipy", "nltk"),
    *("datasets<5", "lru-dict", "editdistance", "terminaltables", "more-itertools", "word2number", "num2words", "Levenshtein"),
    *("lemminflect", "language_tool_python", "pinyin", "jieba", "OpenHowNet", "bert-score", "tqdm", "filelock", "requests"),
)
# What it imports and this attack does not use.
STAND_INS = {"flair": (), "flair.data": ("Tokenizer", "Sentence"), "flair.models": ("SequenceTagger",), "langdetect": ("detect",)}


def home() -> Path:
    return Path(os.environ.get("BENCH_TEXTATTACK") or OUT / "peers" / "textattack")


def trouble() -> str:
    """Why it cannot be run; empty if it can."""
    if any((home() / "lib").glob("python3*/site-packages/textattack")):
        return ""
    return f"not installed in {os.path.relpath(home())}; python bench/peer_textattack.py installs it"


def install() -> None:
    """An environment, without flair and what else it brings."""
    pip = [str(home() / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    for command in ([sys.executable, "-m", "venv", str(home())], [*pip, *NEEDS], [*pip, "--no-deps", PACKAGE]):
        subprocess.run(command, check=True)


def variant(name: str, spec: Path, turns: int) -> Variant:
    """`spec`: what attack.py wrote."""
    padding = "longest" if name == LONGEST else "as it comes"
    command = [str(home() / "bin" / "python"), str(HERE / "peer_textattack.py"), "--run", str(spec), padding, str(turns)]
    return Variant(name, command, turns)


def _import() -> Any:
    for name, members in STAND_INS.items():
        sys.modules[name] = module = ModuleType(name)
        module.__dict__.update(dict.fromkeys(members, object))
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    import nltk.corpus

    nltk.corpus.stopwords = SimpleNamespace(words=lambda _: [])
    import textattack

    return textattack


def run(spec: dict[str, Any], longest: bool, turns: int) -> None:
    """The variant's process, in its environment."""
    sys.path.remove(str(HERE))  # whose files may be named like what it imports
    textattack = _import()
    import numpy as np
    import torch
    from textattack.constraints import PreTransformationConstraint
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.models.wrappers import HuggingFaceModelWrapper
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.transformations import CompositeTransformation
    from textattack.transformations import WordSwapNeighboringCharacterSwap as Swap
    from textattack.transformations import WordSwapRandomCharacterDeletion as Delete
    from textattack.transformations import WordSwapRandomCharacterInsertion as Insert
    from textattack.transformations import WordSwapRandomCharacterSubstitution as Substitute
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    class Letters(PreTransformationConstraint):  # type: ignore[misc]
        def _get_modifiable_indices(self, current_text: Any) -> set[int]:
            return {i for i, word in enumerate(current_text.words) if len(word) >= spec["shortest"] and word.isalpha()}

    class Inside(Substitute):  # type: ignore[misc]
        def _get_replacement_words(self, word: str) -> list[str]:
            return [word[0] + one + word[-1] for one in super()._get_replacement_words(word[1:-1])]

    class Share(MaxWordsPerturbed):  # type: ignore[misc]
        def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
            allowed = max(1, int(self.max_percent * len(reference_text.words) + 1e-9))
            return len(transformed_text.all_words_diff(reference_text)) <= allowed

    class Victim(HuggingFaceModelWrapper):  # type: ignore[misc]
        rows = 0

        def __call__(self, texts: list[Any]) -> Any:
            self.rows += len(texts)
            if not longest:
                return super().__call__(texts)
            batch = self.tokenizer(texts, padding=True, truncation=True, max_length=spec["max_length"], return_tensors="pt")
            with torch.no_grad():
                return self.model(**batch).logits

    torch.set_num_threads(spec["threads"])
    tokenizer = AutoTokenizer.from_pretrained(spec["hub"])
    victim = Victim(AutoModelForSequenceClassification.from_pretrained(spec["hub"]).eval(), tokenizer)
    how = {"skip_first_char": True, "skip_last_char": True}
    few = {"letters_to_insert": spec["letters"]}
    edits = CompositeTransformation([Swap(**how), Delete(**how), Insert(**how, **few), Inside(**few)])
    method = GreedyWordSwapWIR(wir_method="unk", unk_token=tokenizer.unk_token)
    constraints = [Letters(), RepeatModification(), Share(max_percent=spec["budget"])]
    attack = textattack.Attack(UntargetedClassification(victim), constraints, edits, method)
    succeeded, skipped = textattack.attack_results.SuccessfulAttackResult, textattack.attack_results.SkippedAttackResult
    answers = Answers()
    answers.ready()
    for turn in count():
        answers.wait()
        began, victim.rows = time.process_time(), 0
        number, chunks = turn // turns - spec["warm"], spec["turns"]
        pairs, seed = chunks[number % len(chunks)], 1 + number // len(chunks)
        random.seed(seed)
        np.random.seed(seed)
        attack.clear_cache()
        found = {}
        for name, texts, label in pairs:
            result = attack.attack(OrderedDict(zip(("first", "second"), texts, strict=True)), label)
            found[name] = None if isinstance(result, skipped) else isinstance(result, succeeded)
        answers.done(cpu=time.process_time() - began, rows=victim.rows, broken=found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", nargs=3, metavar=("SPEC", "PADDING", "TURNS"))
    given = parser.parse_args()
    if given.run:
        spec, padding, turns = given.run
        run(json.loads(Path(spec).read_text(encoding="utf-8")), padding == "longest", int(turns))
    else:
        install()
