"""From a plan to results in the store. No torch.

Read in this order: `execute` (what runs, and when), `executors/base` and `executors/local` (where it runs), `worker` (the process
of the local executor), `one_stage` (one stage in this process), `status` (where a study stands, from the store alone), `submit`
(a benchmark's submission folder from finished stages), `freeze` (designs that were frozen before a run). Public: `execute`,
`Executor`, `run_stages`, `StatusReader`, `freeze`.
"""
