"""MaChAmp as a variant: its own environment (transformers 4.57), its own training loop, its own batches of equal length.

    python bench/peer_machamp.py [--from REPOSITORY]      installs it into bench/out/peers/machamp (or $BENCH_MACHAMP)

`make bench` never installs it: it measures it where it is there, and says so where it is not. The variant runs MaChAmp's
`trainer.train` unchanged and takes its time between two steps of its optimizer. It trains in fp32 (it has no other), does
not clip gradients, and sorts by length (its default), so that its batches are not ours, though the examples are. Its gradual
unfreezing is off: with it the first epoch trains the head alone, and a step costs a hundredth.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rounds import HERE, OUT, Answers, Variant

NAME = "MaChAmp fp32"
REPOSITORY, COMMIT = "https://github.com/machamp-nlp/machamp", "4048c34b37796aa496624b68b3530183dc61a690"
NEEDS = ("torch==2.13.0", "transformers==4.57.6", "huggingface_hub==0.36.2", "jsonnet", "uniplot", "sentencepiece")


def home() -> Path:
    return Path(os.environ.get("BENCH_MACHAMP") or OUT / "peers" / "machamp")


def trouble() -> str:
    """Why it cannot be run; empty if it can."""
    if (home() / "code" / "train.py").is_file() and (home() / "env" / "bin" / "python").is_file():
        return ""
    return f"not installed in {os.path.relpath(home())}; python bench/peer_machamp.py installs it"


def install(source: str) -> None:
    """A checkout and an environment."""
    home().mkdir(parents=True, exist_ok=True)
    for command in (
        ["git", "clone", "--quiet", source, str(home() / "code")],
        ["git", "-C", str(home() / "code"), "checkout", "--quiet", COMMIT],
        [sys.executable, "-m", "venv", str(home() / "env")],
        [str(home() / "env" / "bin" / "python"), "-m", "pip", "install", "--quiet", *NEEDS],
    ):
        subprocess.run(command, check=True)


def variant(folder: Path, out: Path, found: list[Any], batch: int, threads: int) -> Variant:
    """Writes the data into `out`: all rows, and a batch more, since its first step is taken before the first turn."""
    with (out / "machamp.tsv").open("w", encoding="utf-8") as file:
        for row in found + found[:batch]:
            first, second = (" ".join(text.split()) for text in row.texts)
            file.write(f"{first}\t{second}\tl{row.label}\n")
    task = {"task_type": "classification", "column_idx": 2}
    data = {"nli": {"train_data_path": str(out / "machamp.tsv"), "sent_idxs": [0, 1], "tasks": {"nli": task}}}
    (out / "machamp.json").write_text(json.dumps(data), encoding="utf-8")
    command = [
        str(home() / "env" / "bin" / "python"),
        str(HERE / "peer_machamp.py"),
        "--run",
        str(folder),
        str(out),
        str(batch),
        str(threads),
    ]
    return Variant(NAME, command)


def run(folder: Path, data: Path, batch: int, threads: int) -> None:
    """The variant's process, in MaChAmp's environment and folder."""
    os.chdir(home() / "code")
    sys.path[0] = str(home() / "code")  # instead of this folder, whose files may be named like what it imports
    import torch
    from machamp.model import trainer
    from machamp.utils import myutils
    from torch.optim.optimizer import register_optimizer_step_post_hook

    torch.set_num_threads(threads)
    parameters = myutils.load_json("configs/params.json")
    parameters["transformer_model"] = str(folder)
    parameters["batching"] |= {"batch_size": batch, "max_tokens": 4096}
    parameters["training"]["learning_rate_scheduler"]["gradual_unfreezing"] = False
    (data / "machamp-parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
    answers = Answers()
    begun = False

    def between(*_: Any) -> None:
        nonlocal begun
        if begun:
            answers.done()
        else:
            answers.ready()
            begun = True
        answers.wait()

    register_optimizer_step_post_hook(between)
    configs = [str(data / "machamp.json")]
    out = str(Path(tempfile.mkdtemp(dir=data)) / "out")
    trainer.train("bench", str(data / "machamp-parameters.json"), configs, "cpu", seed=8446, model_dir=out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="source", default=REPOSITORY)
    parser.add_argument("--run", nargs=4, metavar=("FOLDER", "DATA", "BATCH", "THREADS"))
    given = parser.parse_args()
    if given.run:
        run(Path(given.run[0]), Path(given.run[1]), int(given.run[2]), int(given.run[3]))
    else:
        install(given.source)
