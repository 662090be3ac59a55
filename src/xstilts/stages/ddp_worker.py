"""A further process of a data-parallel training: it takes the steps that the first one takes (`ddp_launch.py`).

What it has to do is one line of JSON on its standard input.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from xstilts.stages.attempt import register
from xstilts.stages.contracts import TrainConfig, TrainInputs, read_config
from xstilts.stages.device import device
from xstilts.stages.train import train_as
from xstilts.train.ddp import Group, LostProcess


def main() -> None:
    work: dict[str, Any] = json.loads(sys.stdin.readline())

    def listen() -> None:
        sys.stdin.read()
        os._exit(3)

    threading.Thread(target=listen, daemon=True).start()
    register(work["tasks"])
    group = Group(work["rank"], work["size"], Path(work["rendezvous"]), device(work["rank"]))
    inputs = TrainInputs.read({name: Path(path) for name, path in work["inputs"].items()})
    try:
        folders = (Path(work["checkpoint"]), Path(work["scratch"]))
        train_as(read_config(TrainConfig, work["config"]), inputs, *folders, group, work["words"])
    except LostProcess:
        os._exit(4)  # the first says so to people
    group.close()


if __name__ == "__main__":
    main()
