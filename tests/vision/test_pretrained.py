"""A pretrained tower is transformers' own model on its own pixels, wholly loaded; its code is never run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    BitImageProcessorPil,
    CLIPImageProcessorPil,
    Siglip2ImageProcessorPil,
    SiglipImageProcessorPil,
    ViTImageProcessorPil,
)

from xstilts.errors import InputError
from xstilts.vision.load import load_tower
from xstilts.vision.pretrained import TOWER_TYPES
from xstilts.vision.tower import identify_tower

pytestmark = pytest.mark.tiny

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SQUARE = {**SIZES, "image_size": 32, "patch_size": 8}
VISION = {**SQUARE, "intermediate_size": 32}
OWN_SHAPE = {**SIZES, "intermediate_size": 32, "patch_size": 8, "num_patches": 16}
TEXT = {**SIZES, "intermediate_size": 32, "vocab_size": 40}
SIDES = {"size": {"height": 32, "width": 32}}
SHORT = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}


def vision_part(model: Any) -> Any:
    return getattr(model, "vision_model", getattr(model, "vit", model))


# name -> class of the model that is saved, its config, its processor, how many states come before those of the patches
TINY: dict[str, tuple[str, dict[str, Any], Callable[[], Any], int]] = {
    "clip": (
        "CLIPModel",
        {"vision_config": VISION, "text_config": TEXT, "projection_dim": 8},
        lambda: CLIPImageProcessorPil(**SHORT),
        1,
    ),
    "clip_vision_model": ("CLIPVisionModel", VISION, lambda: CLIPImageProcessorPil(**SHORT), 1),
    "siglip": ("SiglipModel", {"vision_config": VISION, "text_config": TEXT}, lambda: SiglipImageProcessorPil(**SIDES), 0),
    "siglip_vision_model": ("SiglipVisionModel", VISION, lambda: SiglipImageProcessorPil(**SIDES), 0),
    "dinov2": ("Dinov2Model", SQUARE, lambda: BitImageProcessorPil(**SHORT), 1),
    "vit": ("ViTModel", VISION, lambda: ViTImageProcessorPil(**SIDES), 1),
    "vit of a classifier": ("ViTForImageClassification", VISION, lambda: ViTImageProcessorPil(**SIDES), 1),
}


def make_tower(folder: Path, kind: str) -> tuple[Any, Any, int]:
    """Save a random tower; gives its vision part, its processor and the number of states before the patches."""
    class_name, config, make_processor, before = TINY[kind]
    return (*save_tower(folder, class_name, config, make_processor()), before)


def save_tower(folder: Path, class_name: str, config: dict[str, Any], processor: Any) -> tuple[Any, Any]:
    model_class = getattr(transformers, class_name)
    torch.manual_seed(0)
    model = model_class(model_class.config_class(**config)).eval()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return vision_part(model), processor


def draw(*sizes: tuple[int, int]) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (high, wide, 3), np.uint8)) for wide, high in sizes]


PICTURES = draw((50, 40), (32, 32), (20, 90), (64, 48), (33, 31))


@torch.inference_mode()
def plain_states(model: Any, processor: Any) -> torch.Tensor:
    return model(**processor(images=PICTURES, return_tensors="pt")).last_hidden_state


@pytest.mark.parametrize("kind", TINY)
def test_vectors_are_those_of_the_plain_model(kind: str, tmp_path: Path) -> None:
    model, processor, before = make_tower(tmp_path, kind)
    tower = load_tower(str(tmp_path))
    seen = tower.see(PICTURES)
    assert seen.shape == (5, tower.k, tower.width) == (5, 16, 16) and seen.dtype == np.float16
    expected = plain_states(model, processor)[:, before:].numpy()
    assert np.abs(seen - expected).max() < 2e-3
    assert np.abs(expected).max() > 0.5


@pytest.mark.parametrize("kind", ["clip_vision_model", "siglip_vision_model"])
def test_weights_under_their_older_names_are_found(kind: str, tmp_path: Path) -> None:
    make_tower(tmp_path, kind)
    before, path = load_tower(str(tmp_path)).see(PICTURES), tmp_path / "model.safetensors"
    save_file({f"vision_model.{name}": tensor for name, tensor in load_file(path).items()}, path, {"format": "pt"})
    assert (load_tower(str(tmp_path)).see(PICTURES) == before).all()


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_more_vectors_than_wanted_are_averaged(kind: str, tmp_path: Path) -> None:
    model, processor, before = make_tower(tmp_path, kind)
    tower = load_tower(str(tmp_path), most=7)
    assert tower.k == 4
    grid = plain_states(model, processor)[:, before:].reshape(5, 2, 2, 2, 2, 16)
    assert np.abs(tower.see(PICTURES) - grid.mean((2, 4)).reshape(5, 4, 16).numpy()).max() < 2e-3


@pytest.mark.parametrize("full", [True, False])
def test_siglip2_sees_pictures_in_their_own_shape_and_gives_a_square(full: bool, tmp_path: Path) -> None:
    processor = Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)
    config = {"vision_config": OWN_SHAPE, "text_config": TEXT} if full else OWN_SHAPE
    model, _ = save_tower(tmp_path, "Siglip2Model" if full else "Siglip2VisionModel", config, processor)
    tower = load_tower(str(tmp_path), most=4)
    seen = tower.see(PICTURES)
    assert seen.shape == (5, 4, 16)
    given = processor(images=PICTURES, return_tensors="pt")
    states = plain_states(model, processor)
    rows, columns = given["spatial_shapes"][3].tolist()
    assert (rows, columns) == (3, 4)
    # Adaptive pooling of 3 x 4 to 2 x 2: rows 0-1 and 1-2, columns 0-1 and 2-3.
    grid = states[3, :12].reshape(3, 4, 16)
    expected = torch.stack([grid[r : r + 2, c : c + 2].mean((0, 1)) for r in (0, 1) for c in (0, 2)])
    assert np.abs(seen[3] - expected.numpy()).max() < 2e-3


def test_a_picture_is_seen_alike_in_any_company(tmp_path: Path) -> None:
    make_tower(tmp_path, "clip")
    tower = load_tower(str(tmp_path))
    together = tower.see(PICTURES)
    alone = np.concatenate([tower.see([picture]) for picture in PICTURES])
    assert np.abs(together.astype(float) - alone.astype(float)).max() < 2e-3
    assert np.abs(together[0].astype(float) - together[1].astype(float)).max() > 0.1
    assert tower.see([]).shape == (0, 16, 16)


def test_weights_in_half_precision_are_computed_with_in_full(tmp_path: Path) -> None:
    model, processor, before = make_tower(tmp_path, "vit")
    path = tmp_path / "model.safetensors"
    halves = {name: tensor.half() for name, tensor in load_file(path).items()}
    save_file(halves, path, {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps({**json.loads((tmp_path / "config.json").read_text()), "dtype": "float16"}))
    model.load_state_dict({name: tensor.half().float() for name, tensor in model.state_dict().items()})
    expected = plain_states(model, processor)[:, before:].half().numpy()
    assert (load_tower(str(tmp_path)).see(PICTURES) == expected).mean() > 0.99


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    make_tower(tmp_path, "clip")
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    gone = [name for name in weights if "vision" in name and "layers.1" in name]
    save_file({name: tensor for name, tensor in weights.items() if name not in gone}, path, {"format": "pt"})
    with pytest.raises(InputError, match=rf"{len(gone)} of the .* weights of CLIPVisionModel are not in its files .*random"):
        load_tower(str(tmp_path))


def test_a_folder_without_processor_weights_or_config_is_refused(tmp_path: Path) -> None:
    for number, gone in enumerate(["preprocessor_config.json", "model.safetensors", "config.json"]):
        folder = tmp_path / str(number)
        make_tower(folder, "vit")
        (folder / gone).unlink()
        with pytest.raises(InputError, match=r"config\.json") as caught:
            load_tower(str(folder))
        assert "\n" not in str(caught.value)


def test_a_model_that_is_no_tower_is_refused(tmp_path: Path) -> None:
    transformers.ResNetModel(transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1])).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="its type is 'resnet'; expected one of clip, "):
        load_tower(str(tmp_path))


@pytest.mark.parametrize("known", [True, False])
def test_code_in_the_folder_is_never_run(known: bool, tmp_path: Path) -> None:
    make_tower(tmp_path, "vit")
    ran = tmp_path / "ran"
    (tmp_path / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Own: pass\n")
    for name, auto in [("config.json", "AutoConfig"), ("preprocessor_config.json", "AutoImageProcessor")]:
        record = json.loads((tmp_path / name).read_text())
        record["auto_map"] = {auto: "own.Own", "AutoModel": "own.Own"}
        if not known:
            record["model_type"] = "own_tower"
        (tmp_path / name).write_text(json.dumps(record))
    if known:
        assert load_tower(str(tmp_path)).k == 16
    else:
        with pytest.raises(InputError):
            load_tower(str(tmp_path))
    assert not ran.exists()


def test_a_tower_is_identified_by_all_that_decides_its_vectors(tmp_path: Path) -> None:
    make_tower(tmp_path, "vit")
    (tmp_path / "README.md").write_text("not part of it")
    before = identify_tower(str(tmp_path))
    assert sorted(before) == ["config.json", "model.safetensors", "preprocessor_config.json"]
    ViTImageProcessorPil(size={"height": 32, "width": 32}, resample=0).save_pretrained(tmp_path)
    assert identify_tower(str(tmp_path)) != before


def test_a_tower_of_the_hub_is_downloaded_at_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tower(tmp_path, "vit")
    asked: list[Any] = []

    def download(identifier: str, revision: str, allow_patterns: list[str]) -> str:
        asked.append((identifier, revision))
        assert "*.py" not in allow_patterns and "preprocessor_config.json" in allow_patterns
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    commit = "0123456789" * 4
    assert load_tower(f"some/vit@{commit}").name == f"some/vit@{commit}"
    assert asked == [("some/vit", commit)]
    assert identify_tower(f"some/vit@{commit}") == {"hub": f"some/vit@{commit}"}


def test_a_name_that_is_nothing_says_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"vision tower some/nothing: neither a local folder nor .* need no network"):
        load_tower("some/nothing")


def test_every_type_of_tower_is_tested() -> None:
    assert set(TOWER_TYPES) <= {*TINY, "siglip2", "siglip2_vision_model"}
