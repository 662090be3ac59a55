"""Recipes: the hyperparameters of one training phase, and the published ones by name.

A recipe enters the key with all its defaults, but for those of fields marked LATER. `PRESETS` has what the papers and their code
say. It has no value that was not read in a source (`docs/protocols.md` lists the open ones).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator, with_config
from typing_extensions import TypedDict

from xstilts.data.yaml_records import LATER, Record
from xstilts.recipe.robust import Robust

Policy = Literal["last", "en_dev", "avg_last_k", "target_dev"]
WordState = Literal["first", "next", "mean"]
SELECTING = ("en_dev", "target_dev")


class Recipe(Record):
    """One phase. `batch` counts features (windows for QA). `steps` overrides `epochs`. `warmup` is a share of the steps.
    Windows overlap by `stride` tokens, at most a third of `max_length`.

    `policy` selects the weights that the phase leaves: the last ones; the best on the English dev split at `evaluations` evenly
    spaced points; or the mean of the weights at the last `average` of those points (Schmidt et al. 2023, arXiv 2305.16834: no
    selection on target-language data, and better on average). `target_dev` takes the best on dev data of the target
    *languages*. This is an upper bound: it leaks what zero-shot transfer must not see, and reports mark it. `patience`:
    training stops after so many of these points in a row without a better dev score.

    `freeze`: 0 trains all but the embeddings; n also freezes the n lowest blocks. `lora`: only adapters of this rank beside the
    linear layers of the blocks are trained (Hu et al. 2021, arXiv 2106.09685), and merged when the phase ends. `processes`
    share the batch of each step (data parallel). One process that does the work of all gets the same numbers except for
    rounding. `word_state`: what a tag is read off: the state of the word's "first" piece (XTREME's rule), that of the first
    piece with anything in it ("next": XLM-R's tokenizer often makes a bare "▁" the first piece of a word in Chinese, Japanese or
    Thai), or the "mean" of all its pieces. `robust`: how the phase is made robust to other inputs than its own (`robust.py`)."""

    lr: float = Field(1e-5, gt=0)
    batch: int = Field(32, ge=1)
    epochs: float = Field(3.0, gt=0)
    steps: int | None = Field(None, ge=1)
    warmup: float = Field(0.1, ge=0, le=1)
    weight_decay: float = Field(0.01, ge=0)
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    adam_epsilon: float = Field(1e-8, gt=0)
    clip: float = Field(1.0, gt=0)
    max_length: int = Field(256, ge=8)
    stride: int = Field(128, ge=1)
    dropout: float | None = Field(None, ge=0, lt=1)
    mlm_rate: float = Field(0.15, gt=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    policy: Policy = "avg_last_k"
    evaluations: int = Field(10, ge=1)
    average: int = Field(3, ge=1)
    patience: int | None = Field(None, ge=1)
    freeze: int | None = Field(None, ge=0)
    lora: int | None = Field(None, ge=1)
    lora_alpha: int = Field(16, ge=1)
    processes: int = Field(1, ge=1, le=64)
    word_state: WordState = Field("first", json_schema_extra=LATER)
    robust: Robust | None = Field(None, json_schema_extra=LATER)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.average > self.evaluations:
            raise ValueError(f"average ({self.average}) must not exceed evaluations ({self.evaluations})")
        if self.patience is not None and self.policy not in SELECTING:
            raise ValueError(f"patience needs a policy that uses dev data ({' or '.join(SELECTING)}), not {self.policy}")
        if self.lora is not None and self.freeze is not None:
            raise ValueError("lora already freezes everything but its adapters; leave out freeze")
        return self

    @property
    def passes(self) -> float:
        """What a step costs in plain steps on the same rows."""
        return 1.0 if self.robust is None else self.robust.passes

    def plain(self) -> Recipe:
        """The control of a robust recipe: as many FLOPs, spent on more steps without robustness."""
        longer = {"epochs": self.epochs * self.passes} if self.steps is None else {"steps": round(self.steps * self.passes)}
        return self.model_copy(update={"robust": None, **longer})


# Some fields of a recipe, as a study gives them. Each is checked alone; whether they agree is checked in the whole recipe.
if TYPE_CHECKING:
    RecipeFields = dict[str, Any]
else:
    _FIELDS = {name: Annotated[field.annotation, Field(), *field.metadata] for name, field in Recipe.model_fields.items()}
    RecipeFields = with_config({"extra": "forbid"})(TypedDict("RecipeFields", _FIELDS, total=False))


# Hyperparameters of jiant's X-STILTs guide, by the paper's first author, target phase: nyu-mll/jiant
# scripts/benchmarks/xtreme/subscripts/{c,d,e}_*.sh. Here they are for every phase with that format. The others are the defaults
# of jiant's simple API (3 epochs, lr 1e-5, batch 32).
_JIANT: dict[str, dict[str, Any]] = {
    "default": {"lr": 1e-5, "batch": 32, "epochs": 3.0, "warmup": 0.1, "max_length": 256},
    "span": {"batch": 16, "epochs": 2.0, "max_length": 384},
    "tag": {"epochs": 10.0},
    "xnli": {"epochs": 2.0},
    "pawsx": {"epochs": 5.0},
}
# google-research/xtreme, scripts/train_*.sh: at 522434d (spring 2020) for XTREME, at 838c13b for the tasks that XTREME-R adds.
_XTREME: dict[str, dict[str, Any]] = {
    "default": {"lr": 2e-5, "batch": 32, "epochs": 5.0, "warmup": 0.0, "weight_decay": 0.0, "max_length": 128, "stride": 64},
    "tag": {"epochs": 10.0},
    "span": {"lr": 3e-5, "batch": 16, "epochs": 2.0, "max_length": 384, "stride": 128, "weight_decay": 1e-4, "policy": "last"},
    "choice": {"lr": 3e-5},
    "rank": {"batch": 16, "epochs": 3.0, "max_length": 256},
    "mewslix": {"lr": 1e-5, "epochs": 2.0, "max_length": 64},
}
# Phang et al. 2020, version 1 of the preprint (26 May 2020), Tables 3 and 4, read in its full text. Learning rates, batches,
# epochs, warm-up and the choice of weights on English dev data are its own. It gives no length of rows: those of jiant's guide
# stand here. A mixture has no batch of its own there (each task keeps its), and with masked language modelling the learning rate
# is 5e-6: a study says both (phang2020-v1).
_TUNED = {"lr": 3e-6}
_PHANG2020_V1: dict[str, dict[str, Any]] = {
    "default": {"lr": 1e-5, "warmup": 0.1, "max_length": 256, "policy": "en_dev"},
    "span": {"max_length": 384},
    "multi": {"epochs": 3.0},
    "anli_plus": {"batch": 24, "epochs": 2.0},
    "qqp": {"batch": 24, "epochs": 3.0},
    "squad_v1": {"batch": 8, "epochs": 3.0},
    "hellaswag": {"batch": 24, "epochs": 7.0},
    "ccg": {"batch": 24, "epochs": 15.0},
    "cosmosqa": {"batch": 4, "epochs": 15.0},
    "commonsenseqa": {"batch": 4, "epochs": 10.0},
    "xnli": {**_TUNED, "batch": 4, "epochs": 2.0},
    "pawsx": {**_TUNED, "batch": 32, "epochs": 5.0},
    **{name: {**_TUNED, "batch": 32, "epochs": 10.0} for name in ("udpos", "panx")},
    **{name: {**_TUNED, "batch": 16, "epochs": 2.0} for name in ("xquad", "mlqa", "tydiqa")},
}
PRESETS: dict[str, dict[str, dict[str, Any]]] = {"jiant": _JIANT, "xtreme": _XTREME, "phang2020-v1": _PHANG2020_V1}
