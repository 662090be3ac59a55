"""The claims ledger: statements about intermediate training, and a verdict on each from the scores of a study.

Read in this order: `record` with `source` (a claim as YAML), `search` with `chains` (which chains a claim is about), `selection`
(the cells of both sides), `evidence` and `facts` (what was measured or counted), `verdict` (the rule), `ledger` (a row for each
claim, and the test that it depends on the data), `artefact_sets` (the test that each verdict can be reached), `properties` (what
a source says of its own procedure). The built-in claims are in `builtin/`, the numbers of papers in `published/`.

Public are the names below. `judge_claims(results)` judges the built-in claims.
"""

from xstilts.claims.artefact_sets import SetResult, run_sets
from xstilts.claims.ledger import ClaimResult, describe_properties, judge_claims, to_json
from xstilts.claims.properties import Property
from xstilts.claims.record import Claim, built_in_claims, read_claims

__all__ = [
    "Claim",
    "ClaimResult",
    "Property",
    "SetResult",
    "built_in_claims",
    "describe_properties",
    "judge_claims",
    "read_claims",
    "run_sets",
    "to_json",
]
