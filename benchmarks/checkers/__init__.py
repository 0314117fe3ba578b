"""Gradient checkers side by side: one bank of right and wrong gradients, each checker with its defaults."""
