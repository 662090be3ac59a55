"""Prediction with a trained model, as a stream: one window of examples is read, encoded, predicted and decoded before the
next.

So memory does not grow with the number of examples. Inside a window, features are batched by length, and predictions come out
in the order of the examples. Ranking is the exception: it compares every text with every other, so its window is the whole
file.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice, tee
from typing import Any

import numpy as np
import torch

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import Metric
from xstilts.model.codecs.codec import Codec, Encode, Feature
from xstilts.model.codecs.span import Ranked, SpanCodec
from xstilts.model.model import Model
from xstilts.model.token_batches import split_token_batches
from xstilts.recipe.recipe import Recipe
from xstilts.train.malloc import give_back_memory

EVALUATION_TOKENS = 8192
WINDOW = 2000


def use_precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    """A context in which the model computes in the recipe's precision: bf16 autocast, or plain fp32."""
    return torch.autocast(device.type, torch.bfloat16) if recipe.precision == "bf16" else nullcontext()


def predict(
    model: Model,
    task: str,
    codec: Codec,
    examples: Iterable[Example],
    on_batch: Callable[[int], None] = lambda _: None,
    window: int = WINDOW,
    encode: Encode | None = None,
) -> Iterator[Prediction]:
    """One prediction per example, in the order of the examples, which are read at most `window` ahead. `on_batch` is called
    after each batch, with the number of examples so far, and may raise to stop. `encode`: what encodes instead of the codec."""
    stream, done = iter(examples), 0
    while some := list(islice(stream, None if codec.decodes_together else window)):
        features = (encode or codec.encode)(some, False)

        def tell(share: float, before: int = done, here: int = len(some)) -> None:
            on_batch(before + int(share * here))

        yield from codec.decode(some, features, _compute_outputs(model, task, codec, features, tell, codec.outputs))
        done += len(some)


def measure_margins(
    model: Model, task: str, codec: Codec, examples: Sequence[Example], encode: Encode | None = None
) -> list[float]:
    """Of each example by how much the right answer's logit is above that of the best wrong one; of an example in several rows the
    least. Raises TypeError for formats that do not choose among answers."""
    features = (encode or codec.encode)(examples, True)
    margins = [float("inf")] * len(examples)
    for feature, margin in zip(
        features, _compute_outputs(model, task, codec, features, lambda _: None, codec.margins), strict=True
    ):
        margins[feature.example] = min(margins[feature.example], margin)
    return margins


def rank_answers(
    model: Model, task: str, codec: SpanCodec, examples: Sequence[Example], encode: Encode | None = None
) -> list[list[Ranked]]:
    """Of each example its likeliest answers with their scores, see `SpanCodec.rank`. Holds all logits, so give few examples."""
    features = (encode or codec.encode)(examples, False)
    return codec.rank(examples, features, _compute_outputs(model, task, codec, features, lambda _: None, codec.all_logits))


def measure_probabilities(model: Model, task: str, codec: Codec, examples: Sequence[Example]) -> list[list[float]]:
    """Of each example the probability of each label, for classification."""

    def read(head: Any, hidden_BLD: torch.Tensor, batch: Any, features: Sequence[Feature]) -> list[list[float]]:
        found: list[list[float]] = codec.logits(head, hidden_BLD, batch).softmax(-1).tolist()
        return found

    features = codec.encode(examples, training=False) if examples else []
    return _compute_outputs(model, task, codec, features, lambda _: None, read)


def _compute_outputs(
    model: Model,
    task: str,
    codec: Codec,
    features: Sequence[Feature],
    on_batch: Callable[[float], None],
    read: Callable[..., list[Any]],
) -> list[Any]:
    """What `read` (such as the codec's `outputs`) gives for each feature. `on_batch` is called with the share of features
    that are done."""
    model.eval()
    done = 0
    device = next(model.parameters()).device
    head = model.head(task)
    outputs: list[Any] = [None] * len(features)
    for places in split_token_batches([feature.size for feature in features], EVALUATION_TOKENS, longest_first=True):
        chosen = [features[i] for i in places]
        batch = {name: tensor.to(device) for name, tensor in codec.collate(chosen).items()}
        with torch.inference_mode(), use_precision(codec.recipe, device):
            found = read(head, codec.hidden(model.encoder, head, batch), batch, chosen)
        for i, output in zip(places, found, strict=True):
            outputs[i] = output
        if device.type == "cpu":
            give_back_memory()
        done += len(places)
        on_batch(done / len(features))
    return outputs


def evaluate_task(
    model: Model,
    task: str,
    codec: Codec,
    examples: Iterable[Example],
    metric: Metric,
    window: int = WINDOW,
    on_batch: Callable[[int], None] = lambda _: None,
) -> float:
    """The metric's headline value (0-1) on the examples. `on_batch`: as in `predict`."""
    sums = np.zeros(len(metric.counts), dtype=np.float64)
    read, again = tee(examples)
    for prediction, example in zip(predict(model, task, codec, read, on_batch, window), again, strict=True):
        sums += metric.tally(example, prediction)
    return float(metric.headline(sums))
