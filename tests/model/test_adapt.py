"""Freezing and adapters: what is trained, what is not, and that merging changes no output."""

from __future__ import annotations

import pytest
import torch

from tests.model.test_unpadding import batch_of, encoder_of
from xstilts.errors import InputError
from xstilts.model.adapt import adapt, merge
from xstilts.model.unpadding import last_states
from xstilts.recipe.recipe import Recipe

pytestmark = pytest.mark.tiny


def trained(encoder: object) -> set[str]:
    return {name.split(".")[0] + "." + name.split(".")[2] for name, p in encoder.named_parameters() if p.requires_grad}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("freeze", "left"), [(0, {"0", "1", "2"}), (2, {"2"}), (3, set())])
def test_freezing_leaves_the_upper_blocks(freeze: int, left: set[str]) -> None:
    encoder = encoder_of("xlmr")
    assert adapt(encoder, Recipe(freeze=freeze)) is None
    assert trained(encoder) == {f"encoder.{block}" for block in left}


def test_more_blocks_than_there_are() -> None:
    with pytest.raises(InputError, match="freeze 4 is more than the encoder's 3 blocks"):
        adapt(encoder_of("xlmr"), Recipe(freeze=4))


def test_adapters_are_all_that_is_trained_and_are_merged() -> None:
    encoder, plain = encoder_of("xlmr").eval(), encoder_of("xlmr").eval()
    ids, mask = batch_of([9, 4], 1)
    names = list(plain.state_dict())
    adapters = adapt(encoder, Recipe(lora=4, lora_alpha=8))
    assert torch.equal(last_states(encoder, ids, mask), last_states(plain, ids, mask))  # a fresh adapter adds nothing
    learned = {name: p for name, p in encoder.named_parameters() if p.requires_grad}
    assert learned
    assert all("lora_" in name for name in learned)
    assert sum(p.numel() for p in learned.values()) == 3 * 4 * (4 * (32 + 32) + 2 * (32 + 64))
    torch.manual_seed(0)
    for p in learned.values():
        p.data.normal_(0, 0.1)
    before = last_states(encoder, ids, mask)
    merge(adapters)
    assert list(encoder.state_dict()) == names
    torch.testing.assert_close(last_states(encoder, ids, mask), before, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before, last_states(plain, ids, mask), atol=1e-3)
