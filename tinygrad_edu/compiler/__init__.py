"""Recorded graphs as programs that run many times: record, optimise, plan, run."""
