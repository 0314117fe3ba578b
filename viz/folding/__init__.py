"""Folding: how a graph too large to read becomes a picture of a hundred boxes."""
