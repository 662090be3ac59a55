"""How good are the verdicts on claims? WiCE (claims of Wikipedia against the pages that they cite; Kamoi et al. 2023).

    python -m bench.documents wice FOLDER            word overlap, BM25 and the words reviewer, with intervals
    python -m bench.documents wice FOLDER --nli STUDY:CELL --store DIR     with an NLI checkpoint beside them
    python -m bench.documents fit FOLDER             refit the calibration that comes with the package, on the dev claims

FOLDER has claim-{dev,test}.jsonl.gz and oracle-claim-{dev,test}.jsonl.gz. Everything is fitted on dev: weights, calibration,
threshold. "supported" is one class, "partially supported" and "not supported" the other, as in the paper. Intervals are 95 %
percentile intervals of a bootstrap over claims.
"""
