"""What of the trunk a phase trains: everything, everything above some blocks, or low-rank adapters beside its weights."""

from typing import Any

from torch import nn

from xstilts.errors import InputError
from xstilts.model.encoder import blocks
from xstilts.recipe.recipe import Recipe


def adapt(encoder: Any, recipe: Recipe) -> Any:
    """Freeze what the recipe freezes, in place. Gives the adapters to be merged afterwards (LoRA, Hu et al. 2021, by the
    peft library), or None. Raises InputError for a trunk with fewer blocks than are to be frozen."""
    if recipe.freeze is not None:
        found = blocks(encoder)
        if recipe.freeze > len(found):
            raise InputError(f"recipe: freeze {recipe.freeze} is more than the encoder's {len(found)} blocks")
        for module in (getattr(encoder, "embeddings", encoder.get_input_embeddings()), *found[: recipe.freeze]):
            module.requires_grad_(False)
    if recipe.lora is None:
        return None
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    inside = {id(module) for block in blocks(encoder) for module in block.modules()}
    targets = [name for name, m in encoder.named_modules() if isinstance(m, nn.Linear) and id(m) in inside]
    config = LoraConfig(r=recipe.lora, lora_alpha=recipe.lora_alpha, target_modules=targets, lora_dropout=0.0)
    return LoraModel(encoder, {"default": config}, "default")


def merge(adapters: Any) -> None:
    """Add the adapters to the weights that they stand beside, and take them away."""
    if adapters is not None:
        adapters.merge_and_unload()
