"""From a study to a plan: the graph of stages, the cells that they serve, and what it costs. No torch.

Read in this order: `compile` (study -> plan), `controls` (chains and their controls as arms), `data_stages`, `encoder_stages`,
`train_stages` and `score_stages` (the stages of each part), `cell` (a grid point, and the way back from its score),
`trainings` (a plan in the words of the field), `design` (what can be frozen before a run), `pretrain`, `cost/`. Public:
`compile_study`, `Plan`, `CellId`, `find_cell`.
"""
