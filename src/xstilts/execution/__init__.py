"""From a plan to results in the store: execute, the worker process, the executors, and the status of a run."""
