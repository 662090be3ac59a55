"""From a study to a plan: the graph of stages, the cells that they serve, and what it costs. No torch."""
