"""The stepper: a page on which the backward pass of one's own graph happens step by step."""
