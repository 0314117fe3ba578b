"""The bug museum: what backpropagation gives when the engine, or the loop around it, is wrong in one place."""
