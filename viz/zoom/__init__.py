"""Zooming in: a graph of tensors as the scalars that it is made of."""
