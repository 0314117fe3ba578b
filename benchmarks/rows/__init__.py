"""One file a row: what is computed, and a maker for each contender.

A maker returns ``(step, check)``: `step` does the work once, `check` does it once from the start and
returns a dict of arrays that must agree between contenders.
"""
