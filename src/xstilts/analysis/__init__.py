"""The analysis of a study: from score artefacts to gains with intervals and verdicts. Everything but `gather` is pure.

Read in this order: `results` (the records), `gather` (reads them from a store), `scores` (means over seeds, near chance),
`comparison` (a treatment and its control, paired and measured), `gains` (all comparisons of a study, judged). The others read
gains: `mean_gains`, `breakdown` (by task group, family, script, size), `best_chain`, `encoder_interaction`, `retrieval_sweep`
and `other_tests`. `planning`, `diff` and `pooled_comparison` (for claims) make comparisons of their own. `registration` holds a
study against its frozen design. `costs` and `encoder_sizes` are about the run and the encoders; `formatting` writes numbers.

Public are `gather.gather`, the records of `results`, and the functions without an underscore that take `Results`.
"""
