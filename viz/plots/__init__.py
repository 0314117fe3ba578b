"""Plots of training, decisions and predictions, with matplotlib."""
