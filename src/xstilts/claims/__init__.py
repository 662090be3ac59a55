"""The claims ledger: claims as records, verdicts out of score artefacts by a fixed rule (`verdict.py`)."""

from xstilts.claims.ledger import ClaimResult, claims_of, ledger_json, run_claims
from xstilts.claims.record import Claim, built_in_claims, read_claims

__all__ = ["Claim", "ClaimResult", "built_in_claims", "claims_of", "ledger_json", "read_claims", "run_claims"]
