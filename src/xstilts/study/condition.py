"""What is done to the test data of a study: nothing (clean), or an attack.

Clean is always scored, since every other condition is measured against it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from xstilts.attacks.attack import Attack
from xstilts.attacks.registry import find_attack
from xstilts.data.yaml_records import Record
from xstilts.errors import InputError
from xstilts.reading import expand_home

CLEAN = "clean"


class Condition(Record):
    """An attack on the test data: `count` variants of each example, of which the worst counts. `attack`: a name, or the path of a
    user's own file. `budget`: how much is edited, in the attack's own measure; None is its default. `seed` is that of the edits,
    the same for all seeds of the study."""

    attack: str
    budget: float | None = Field(None, gt=0, allow_inf_nan=False)
    count: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)

    def find_attack(self) -> Attack:
        """Raises InputError if there is none."""
        return find_attack(self.attack)

    @property
    def path(self) -> str:
        """The user's own file; "" for an attack of the package."""
        return self.attack if self.attack.endswith(".py") else ""

    @property
    def name(self) -> str:
        """The attack, and what differs from the defaults: "keyboard, budget 0.2, count 8"."""
        set_by_hand = self.model_dump(exclude={"attack"}, exclude_defaults=True)
        return ", ".join([self.find_attack().name, *(f"{field} {value:g}" for field, value in set_by_hand.items())])


def expand_conditions(value: Any) -> Any:
    """`keyboard` is short for {attack: keyboard}; `clean` is left out, because it is always there."""
    if not isinstance(value, list | tuple):
        return value
    return [{"attack": one} if isinstance(one, str) else one for one in value if one != CLEAN]


def resolve_paths(value: Any, folder: Path) -> Any:
    """Conditions as they are written, with the paths of attacks relative to the folder of the study."""

    def resolve(name: Any) -> Any:
        return str(folder / expand_home(name)) if isinstance(name, str) and name.endswith(".py") else name

    if not isinstance(value, list):
        return value
    return [
        {**one, "attack": resolve(one.get("attack"))} if isinstance(one, dict) and "attack" in one else resolve(one)
        for one in value
    ]


def check_conditions(conditions: Sequence[Condition]) -> None:
    """Raises ValueError for an attack that there is not, a budget that it cannot have, and a condition that is given twice."""
    for condition in conditions:
        try:
            attack = condition.find_attack()
            attack.check_budget(condition.budget)
        except InputError as error:
            raise ValueError(f"conditions: {error}") from None
        if attack.by_model:
            raise ValueError(
                f"conditions: {attack.name} asks the victim's model, and a condition is the same for all models; "
                f"use `xstilts attack STUDY CELL --with {attack.name}`"
            )
    names = [condition.name for condition in conditions]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"conditions: '{name}' is given twice; leave one out, or give it another count, budget or seed")
