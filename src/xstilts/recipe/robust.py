"""Robust training: what a recipe's `robust` says. No torch; `train/robust.py` does it.

Noise is added to the *word* embeddings alone, before positions and the layer norm, and never to padding or special tokens.
`passes` is what a step costs in plain steps on the same rows: a forward pass and two backward products, for weights and inputs,
are one (training with as many FLOPs and no robustness is the control). Sizes are those of the papers, in their units, so they
mean less where an encoder's embeddings are larger; `noise` alone is measured in these.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field

from xstilts.data.yaml_records import Record
from xstilts.errors import InputError

Distribution = Literal["gaussian", "uniform"]


class Noise(Record):
    """Random noise in place of clean embeddings. `size`: the root mean square norm of a token's noise, as a share of the mean
    norm of the word embeddings in its row. It has no default, since no paper gives one in this unit."""

    method: Literal["noise"]
    size: float = Field(ge=0)
    distribution: Distribution = "gaussian"
    passes: ClassVar[float] = 1.0


class R3F(Record):
    """The plain loss + `weight` x the symmetric divergence between the predictions with and without noise (Aghajanyan et al.
    2021, arXiv 2008.03156). `noise`: standard deviation (gaussian) or bound (uniform) of each coordinate. The defaults are those
    of the authors' criterion in fairseq (examples/rxf)."""

    method: Literal["r3f"]
    noise: float = Field(1e-5, ge=0)
    distribution: Distribution = "uniform"
    weight: float = Field(1.0, ge=0)
    passes: ClassVar[float] = 2.0


class FreeLB(Record):
    """The mean loss along `steps` - 1 steps of ascent (Zhu et al. 2020, arXiv 1909.11764). The noise of a row begins uniform with
    a norm of at most `init`, grows by `step` along its gradient at unit norm, and stays in a ball of `radius` (all three are
    norms over the whole row). All passes have the same dropout masks. The defaults are those of the authors' launch file for
    MNLI with RoBERTa Large."""

    method: Literal["freelb"]
    steps: int = Field(2, ge=1, le=20)
    step: float = Field(0.1, ge=0)
    init: float = Field(0.1, ge=0)
    radius: float = Field(0.3, gt=0)

    @property
    def passes(self) -> float:
        return float(self.steps)


class Smart(Record):
    """The plain loss + `weight` x the symmetric divergence of predictions under noise that one step of ascent made larger (Jiang
    et al. 2020, arXiv 1911.03437: its smoothness term, without the proximal point). Each coordinate begins gaussian with the
    standard deviation `noise`, moves by `step` times its gradient, which is scaled to a largest coordinate of 1 in its row, and
    stays within `radius`. `noise`, `step` and `weight` are those of the authors' code (namisan/mt-dnn), which has no radius; that
    of the paper is recalled here and was not read again."""

    method: Literal["smart"]
    noise: float = Field(1e-5, ge=0)
    step: float = Field(1e-3, ge=0)
    radius: float = Field(1e-5, ge=0)
    weight: float = Field(1.0, ge=0)
    passes: ClassVar[float] = 8 / 3  # two plain passes, and one without the gradients of weights


class Segmentation(Record):
    """Each visit of a row draws how its words are cut into pieces, in proportion to the probability of the cut ** `alpha` (Kudo
    2018, arXiv 1804.10959). The default is that of xTune for tagging with XLM-R (Zheng et al. 2021, arXiv 2106.08226; its script
    for udpos). The tokenizer must be a Unigram model."""

    method: Literal["segmentation"]
    alpha: float = Field(0.3, gt=0, le=100)
    passes: ClassVar[float] = 1.0


METHODS = ("noise", "r3f", "freelb", "smart", "segmentation")


def _has_method(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("method") not in METHODS:
        raise ValueError(f"expected a `method` ({', '.join(METHODS)}), found {value.get('method')!r}")
    return value


Robust = Annotated[Noise | R3F | FreeLB | Smart | Segmentation, Discriminator("method"), BeforeValidator(_has_method)]


def check_robust(robust: Robust | None, format_name: str) -> None:
    """Raises InputError if a format cannot be trained so. The divergence of `r3f` and `smart` is between what the softmaxes of
    the loss are over: classes, candidates, the tags of each word, the tokens at each mask, and for a span the places of its
    start and of its end (their mean)."""
    if format_name == "rank" and robust is not None and not isinstance(robust, Segmentation):
        raise InputError(
            f"recipe: robust: {robust.method} does not fit ranking, whose rows are compared with those of all others; "
            "use method: segmentation, or leave it out (robust: null)"
        )


def describe_robust(robust: Robust) -> str:
    """The method and its numbers: `freelb (steps 2, step 0.1, init 0.1, radius 0.3)`."""
    return f"{robust.method} ({', '.join(f'{name} {x}' for name, x in robust.model_dump(exclude={'method'}).items())})"
