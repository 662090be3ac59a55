"""Prediction with a trained model: length-sorted batches, outputs in the order of the examples, no logits kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from xstilts.data.example import Example, Prediction
from xstilts.metrics.metric import Metric
from xstilts.model.formats.coder import Coder
from xstilts.model.model import Model
from xstilts.recipe.recipe import Recipe

EVALUATION_TOKENS = 8192


def precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    """The recipe's arithmetic: bf16 autocast or plain fp32."""
    return torch.autocast(device.type, torch.bfloat16) if recipe.precision == "bf16" else nullcontext()


def predict(
    model: Model, task: str, coder: Coder, examples: Sequence[Example], tick: Callable[[], None] = lambda: None
) -> list[Prediction]:
    """One prediction per example, in their order. `tick` is called after each batch (it may raise to stop)."""
    model.eval()
    device = next(model.parameters()).device
    features = coder.encode(examples, training=False)
    order = sorted(range(len(features)), key=lambda i: -features[i].longest)
    outputs: list[Any] = [None] * len(features)
    head = model.head(task)
    begin = 0
    with torch.inference_mode():
        while begin < len(order):
            width = features[order[begin]].longest
            size = max(1, EVALUATION_TOKENS // (width * len(features[order[begin]].rows)))
            rows = order[begin : begin + size]
            chosen = [features[i] for i in rows]
            batch = {name: tensor.to(device) for name, tensor in coder.collate(chosen).items()}
            with precision(coder.recipe, device):
                found = coder.outputs(head, model.hidden(batch), batch, chosen)
            for i, output in zip(rows, found, strict=True):
                outputs[i] = output
            begin += size
            tick()
    return list(coder.decode(examples, features, outputs))


def dev_score(model: Model, task: str, coder: Coder, examples: Sequence[Example], metric: Metric) -> float:
    """The metric's headline value (0-1) on the examples."""
    predictions = predict(model, task, coder, examples)
    rows = np.array([metric.tally(e, p) for e, p in zip(examples, predictions, strict=True)], dtype=np.float64)
    return float(metric.headline(rows.sum(0)))
