"""The claims ledger: claims as records, verdicts out of score artefacts by a fixed rule (`verdict.py`)."""

from xstilts.report.claims.claim import Claim, built_in_claims, read_claims
from xstilts.report.claims.ledger import ClaimResult, claims_of, ledger_json, run_claims

__all__ = ["Claim", "ClaimResult", "built_in_claims", "claims_of", "ledger_json", "read_claims", "run_claims"]
