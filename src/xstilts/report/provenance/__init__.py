"""Where every number of a report comes from: its id, its score artefacts and the stages behind them."""
