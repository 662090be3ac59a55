"""Occlusion finds the one vector that a planted head reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.model.codecs.test_image_pair import COUNT, LABELS, WIDTH, Album, make_codec

from xstilts.formats.image_pair import ImagePairExample
from xstilts.model.model import fresh_model
from xstilts.train.evaluate import predict
from xstilts.train.occlusion import Covered, measure_occlusion

pytestmark = pytest.mark.tiny


def test_a_covered_vector_is_the_mean_and_the_others_stay() -> None:
    album = Album()
    covered = Covered(album)
    whole, one = covered.read([covered.place("b#0"), covered.place("b#2")])
    np.testing.assert_array_equal(whole, album.vectors_NKF[1])
    np.testing.assert_array_equal(one[[0, 2]], whole[[0, 2]])
    np.testing.assert_allclose(one[1], whole.astype(np.float32).mean(0), atol=1e-3)


def test_the_vector_that_tells_the_label_is_found(tiny_folder: Path) -> None:
    """Only the second vector differs between pictures of the two labels. A model that learned the labels falls without it."""
    vectors_NKF = np.zeros((2, COUNT, WIDTH), np.float16)
    vectors_NKF[:, [0, 2], 1] = 50  # so that the mean of all three tells next to nothing
    vectors_NKF[0, 1, 0], vectors_NKF[1, 1, 0] = 2, -2
    codec = make_codec(tiny_folder, Album(vectors_NKF))
    examples = [ImagePairExample(str(i), "ab"[i % 2], "bo", LABELS[i % 2]) for i in range(8)]
    torch.manual_seed(0)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    batch = codec.collate(features := codec.encode(examples, training=True))
    codec.targets(features, batch, np.random.default_rng(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        head = model.head("t")
        codec.loss(head, codec.hidden(model.encoder, head, batch), batch).backward()
        optimizer.step()
    assert [one.answer for one in predict(model, "t", codec, examples)] == [e.answer for e in examples]
    for falls_K in measure_occlusion(model, "t", codec, examples[:2]):
        assert falls_K.argmax() == 1
        assert falls_K[1] > 0
        assert len(falls_K) == COUNT
