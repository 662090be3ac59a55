"""Training with a trimmed embedding table = training with the full one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.model.test_unpadding import batch_of, encoder_of
from xstilts.model.encoder import stored_embeddings
from xstilts.model.vocabulary import TrimmedEmbedding, restore, trim
from xstilts.recipe.recipe import Recipe
from xstilts.train.step import make_optimizer

pytestmark = pytest.mark.tiny
MET = np.array([5, 7, 11, 12, 30, 44])
SPECIAL = [0, 1, 2, 3, 49]


def train(encoder: Any, decay: float, steps: int = 12) -> float:
    """A few real steps on the tokens of MET; gives what weight decay does to a weight without gradient."""
    recipe = Recipe(weight_decay=decay)
    optimizer = make_optimizer(encoder, recipe)
    product = 1.0
    for step in range(steps):
        ids, mask = batch_of([9, 4, 6], 1, step)
        ids = torch.where(mask.bool(), torch.from_numpy(MET)[ids % len(MET)], ids)
        optimizer.zero_grad()
        (encoder(input_ids=ids, attention_mask=mask).last_hidden_state * torch.linspace(-1, 1, 32)).tanh().sum().backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        lr = 0.01 / (step + 1)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        product *= 1 - lr * decay
    return product


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_trimmed_is_full(decay: float) -> None:
    full, trimmed = encoder_of("xlmr"), encoder_of("xlmr")
    before = trimmed.get_input_embeddings().weight.detach().clone()
    assert trim(trimmed, MET, SPECIAL)
    assert trimmed.get_input_embeddings().weight.shape == (len(MET) + len(SPECIAL), 32)
    train(full, decay)
    product = train(trimmed, decay)
    restore(trimmed, before, product)
    wanted = full.state_dict()
    assert trimmed.state_dict().keys() == wanted.keys()
    for name, value in trimmed.state_dict().items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-5, atol=2e-6, msg=name)
    unseen = np.setdiff1d(np.arange(50), [*MET, *SPECIAL])
    table = trimmed.get_input_embeddings().weight.detach()
    assert torch.equal(table[unseen], before[unseen]) == (decay == 0.0)
    assert not torch.equal(table[MET], before[MET])
    torch.testing.assert_close(table[unseen], before[unseen] * product)
    assert type(trimmed.get_input_embeddings()) is nn.Embedding


def test_a_token_that_was_not_kept_is_an_error_and_no_wrong_number() -> None:
    encoder = encoder_of("xlmr")
    assert trim(encoder, MET, SPECIAL)
    with pytest.raises(IndexError, match="token 6"):
        encoder(input_ids=torch.tensor([[0, 6, 2]]))


def test_nothing_is_trimmed_where_little_is_saved() -> None:
    encoder = encoder_of("xlmr")
    assert not trim(encoder, np.arange(40), SPECIAL)
    table = encoder.get_input_embeddings()
    assert not isinstance(table, TrimmedEmbedding)
    restore(encoder, table.weight * 0, 1.0)
    assert encoder.get_input_embeddings() is table


def test_the_stored_table_is_read_from_the_file(tmp_path: Path) -> None:
    encoder = encoder_of("xlmr")
    encoder.save_pretrained(tmp_path)
    assert torch.equal(stored_embeddings(tmp_path, encoder), encoder.get_input_embeddings().weight)
