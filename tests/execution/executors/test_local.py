from __future__ import annotations

import pytest

from xstilts.execution.executors.local import default_workers, graphics_cards


@pytest.mark.parametrize(
    ("visible", "device", "cards"),
    [
        ("0,1, 3", "", ("0", "1", "3")),
        ("", "", ()),
        ("-1", "", ()),
        ("0", "cpu", ()),
        ("GPU-ab,MIG-c", "cuda", ("GPU-ab", "MIG-c")),
    ],
)
def test_cards_are_those_that_may_be_seen(
    monkeypatch: pytest.MonkeyPatch, visible: str, device: str, cards: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.delenv("XSTILTS_DEVICE", raising=False)
    if device:
        monkeypatch.setenv("XSTILTS_DEVICE", device)
    assert graphics_cards() == cards


@pytest.mark.parametrize(("visible", "processes", "workers"), [("0,1,2,3", 1, 4), ("0,1,2,3", 2, 2), ("0", 4, 1)])
def test_a_worker_for_each_share_of_cards(monkeypatch: pytest.MonkeyPatch, visible: str, processes: int, workers: int) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.delenv("XSTILTS_DEVICE", raising=False)
    assert default_workers(processes) == workers
