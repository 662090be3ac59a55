"""The tower without weights shows the picture itself."""

import numpy as np
import pytest
from PIL import Image

from xstilts.errors import InputError
from xstilts.vision.load import load_tower
from xstilts.vision.tower import identify_tower


def test_each_vector_is_a_patch_of_the_picture() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    tower = load_tower("pixels/patch4-12")
    assert (tower.k, tower.width) == (9, 48)
    (seen,) = tower.see([Image.fromarray(levels)])
    for row in range(3):
        for column in range(3):
            patch = levels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] / 127.5 - 1
            assert np.abs(seen[3 * row + column] - patch.ravel()).max() < 1e-3


def test_a_picture_of_another_size_is_scaled_whole() -> None:
    picture = Image.new("RGB", (40, 10), (0, 0, 255))
    picture.paste((255, 0, 0), (0, 0, 20, 10))
    (seen,) = load_tower("pixels/patch4-8").see([picture])
    left, right = seen.reshape(2, 2, 16, 3)[0].mean(1)
    assert left[0] > 0.7 and left[2] < -0.7
    assert right[2] > 0.7 and right[0] < -0.7


def test_black_is_minus_one_white_is_one_and_no_picture_is_no_row() -> None:
    tower = load_tower("pixels/patch4-8")
    assert (tower.see(Image.new("RGB", (8, 8), level) for level in ("black", "white")).mean((1, 2)) == [-1, 1]).all()
    assert tower.see([]).shape == (0, 4, 48)


@pytest.mark.parametrize("name", ["pixels/", "pixels/patch8", "pixels/patch0-8", "pixels/patch5-56", "pixels/patch8-56x"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"vision tower {name}: expected pixels/patchP-S"):
        load_tower(name)


def test_its_name_says_all() -> None:
    assert identify_tower("pixels/patch8-56") == {"name": "pixels/patch8-56", "values": "-1 to 1"}
