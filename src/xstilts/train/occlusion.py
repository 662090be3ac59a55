"""Where a model looks in a picture: how much surer of its answer it is with each vector than without it.

A vector is taken out by putting the mean of the picture's vectors in its place, so that the row stays as long as it is (Zeiler
and Fergus 2014, arXiv 1311.2901, cover pixels in the same way). Shapes: k vectors of a picture, F numbers of a vector.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xstilts.formats.image_pair import ImagePairExample
from xstilts.model.codecs.image_pair import ImagePairCodec, Pictures
from xstilts.model.model import Model
from xstilts.train.evaluate import measure_margins, predict


class Covered:
    """The pictures of an album, each as it is ("name#0") and with one of its vectors covered ("name#1" to "name#k")."""

    def __init__(self, pictures: Pictures):
        self._pictures = pictures
        self.k, self.width = pictures.k, pictures.width

    def place(self, name: str) -> int:
        picture, _, covered = name.rpartition("#")
        return self._pictures.place(picture) * (self.k + 1) + int(covered)

    def read(self, places: Sequence[int]) -> NDArray[np.float16]:
        vectors_NKF = self._pictures.read([place // (self.k + 1) for place in places]).copy()
        for vectors_KF, covered in zip(vectors_NKF, (place % (self.k + 1) for place in places), strict=True):
            if covered:
                vectors_KF[covered - 1] = vectors_KF.astype(np.float32).mean(0)
        return vectors_NKF


def measure_occlusion(
    model: Model, task: str, codec: ImagePairCodec, examples: Sequence[ImagePairExample]
) -> list[NDArray[np.float64]]:
    """For each example, which has a picture, by how much the margin of the model's own answer falls without each vector: (k,)."""
    answers = [prediction.answer for prediction in predict(model, task, codec, examples)]
    covering = copy.copy(codec)
    covering.pictures = Covered(codec.pictures)
    rows = [
        replace(example, picture=f"{example.picture}#{covered}", answer=str(answer))
        for example, answer in zip(examples, answers, strict=True)
        for covered in range(codec.pictures.k + 1)
    ]
    margins_NK = np.array(measure_margins(model, task, covering, rows)).reshape(len(examples), codec.pictures.k + 1)
    return list(margins_NK[:, :1] - margins_NK[:, 1:])
