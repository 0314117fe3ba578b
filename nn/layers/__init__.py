"""Layers on arrays, one family a file. The public names are those in `tinygrad_edu.nn`."""
