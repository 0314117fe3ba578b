"""The operations, one entry each, grouped as a reader would look for them."""

from tinygrad_edu.ops import activation, elementwise, indexing, linalg, reduction, shape

__all__ = ["activation", "elementwise", "indexing", "linalg", "reduction", "shape"]
