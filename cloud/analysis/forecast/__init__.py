"""Day-ahead forecasts: similar days, one model of all, intervals, backtest, coherence, outlook. Pure."""
