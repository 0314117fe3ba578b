"""Overlays: a second meaning laid over the boxes of a picture, always in words as well as in looks."""
