"""One file a subject: what is computed, and a maker for each contender.

A maker returns ``(step, check)``: `step` does the work once, `check` does it once more and returns a dict of arrays
that must agree between contenders. Every contender is asked for the same number of steps before its check.
"""
