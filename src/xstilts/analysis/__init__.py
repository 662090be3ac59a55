"""Transfer gains, breakdowns and comparisons from score artefacts: what a report and the claims rest on. No torch."""
