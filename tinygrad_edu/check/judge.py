"""What a claimed slope is worth: which steps to take, when to stop, and the verdict.

The first steps lie where a smooth function is cheap to judge, and a claim that they confirm to many
digits is done. Before anything is said against a claim, the function is looked at from the finest step
that a float can resolve to the coarsest.
"""

import math

from tinygrad_edu.check.findings import NONE, Doubts, Finding
from tinygrad_edu.check.intervals import UNIT, Interval
from tinygrad_edu.check.walk import FINEST, FIRST, Verdict, Walk

Steps = tuple[tuple[int, ...], ...]

WIDE = 3  # the octave of the step that a function must not react to before it is called flat
MORE: Steps = ((8, 7, 6, 5), (4, 3, 2, 1, 0, 13, 14, 15, 16, 17, 18))  # for claims that hold to few digits
SMALL = 18  # the finest of them
FINE: Steps = ((*FINEST, 14, 13), (22, 21, 20), (32, 31, 30), (42, 41, 40))  # for others: what happens close by?
EVERY = tuple(range(49, -1, -1))
FURTHER = 6  # octaves at a time, beyond a coordinate's own magnitude

SHARP = 2.0**-27  # relative half-width at which a claim that holds needs no further steps
DIGITS = 1e-3  # a claim that holds to fewer than three digits is not called confirmed
DROWNED = 1e-3  # a claim that is a smaller part of the error bar is as good as zero
WITNESSES = 3  # so many steps must contradict a claim, each by itself, before it fails
FITS = 0.1  # an interval no wider than this part of a claim, and around it, is about that claim
FLIGHT = 2.0**-7  # stairs with steps smaller than this part of a coordinate are rounding
GROSS = 1e-2  # a claim that is off by a larger part is off by no rounding, where a slope is plain to see
ROUGHLY = 2e-3  # how well the slope of stairs is known
NEAR = 4  # and one of them must be this small, or smaller: what only larger ones show may be a ripple under the noise
EXCESS, NEARER = 64.0, 13  # noise so far beyond a rounding of the function comes from cancellation: it may ripple more
SIDES = 4  # so many steps to each side must agree on a slope of their own to make a kink
VISIBLE = 100.0  # a change of so many roundings is one
CLOSE_BY = 2.0**-16  # a step over which a function that hides in its rounding may still be taken for straight
NOISY = 2.0**-12  # noise, as a part of the function's magnitude, at which no slope is told from noise
ALIKE = 1e-9  # a slope that is a smaller part of a kink is zero, to the reader
MOST_DIGITS = 15.9


class Judge:
    """One claimed slope before one walk.

    Parameters
    ----------
    walk : Walk
    claim : float
    slack : float
        How far the claim itself may be off by rounding.
    sharp : float
        The relative half-width at which a claim that holds needs no further steps.
    doubts : Doubts or None
        None: others of its kind were found wrong already, and this one gets no second look.
    negligible : float
        An error bar this small is small enough, whatever part of the claim it is.
    """

    def __init__(
        self,
        walk: Walk,
        claim: float,
        slack: float = 0.0,
        sharp: float = SHARP,
        doubts: Doubts | None = NONE,
        negligible: float = 0.0,
    ) -> None:
        self.walk = walk
        self.claim = claim
        self.slack = slack if math.isfinite(claim) else 0.0
        self.sharp = sharp
        self.doubts = doubts
        self.negligible = negligible

    def verdict(self) -> Finding:
        """The verdict, from as few samples as it takes."""
        walk = self.walk
        walk.take(FIRST)
        if self._is_flat_and_zero():
            walk.take((WIDE,))
        found = self._confirmed()
        if found is None and self._is_noisy():
            return self._jumps() or self._unknown(
                f"the function varies by ±{walk.noise:.1e} between neighbouring floating-point numbers, as noise does; "
                "check it at smaller inputs, or write it so that large numbers do not cancel"
            )
        if found is None and self._holds() and not walk.bends_clearly:
            for octaves in MORE:
                if found is None:
                    walk.take(octaves)
                    found = self._confirmed()
            found = found or self._as_good_as_it_gets()
        if found is None:
            for octaves in FINE:
                walk.take(octaves)
            found = self._confirmed() or self._contradicted(hasty=True)
        if found is None:
            walk.take(EVERY)
            self._go_further()
            found = self._confirmed() or self._contradicted(hasty=False) or self._at_last()
        return found

    # -- steps of the decision

    def _confirmed(self) -> Finding | None:
        """PASS, if the claim lies in a narrow interval, or says zero of a function that does not change."""
        seen = self.walk.slope
        if seen is None or self.walk.bends_clearly or not self._holds():
            return None
        if self._is_flat_and_zero() and WIDE in self.walk.samples:
            return self._pass(seen)
        size = max(abs(self.claim), abs(seen.middle), 0.0 if self.claim else self.walk.variation)
        return self._pass(seen) if seen.half <= self.sharp * size else None

    def _as_good_as_it_gets(self) -> Finding | None:
        """PASS on three digits or more, if smaller steps cannot say more."""
        seen = self.walk.slope
        if seen is None or self.walk.bends_clearly or not self._holds() or not self._has_digits(seen):
            return None
        narrowest = min(seen.brackets, key=lambda bracket: bracket.high - bracket.low)
        return self._pass(seen) if narrowest.octave < SMALL - 1 else None

    def _go_further(self) -> None:
        """Steps beyond the coordinate's own magnitude, as long as they may say more: rounding hides the claim."""
        walk, far = self.walk, 0
        while (
            far < walk.reach and walk.central is not None and walk.central.broken is None and self._holds()
            and walk.variation > VISIBLE * walk.rounding and self._confirmed() is None
        ):  # fmt: skip
            walk.take(range(-far - 1, -far - 1 - FURTHER, -1))
            far += FURTHER

    def _contradicted(self, hasty: bool) -> Finding | None:
        """KINK or FAIL, if the samples leave the claim no other way; `hasty` waits where more steps may help."""
        walk = self.walk
        if walk.bends and walk.bend is not None:
            if walk.bend.octaves < SIDES:
                return None
            if self._between():
                return self._kink(walk.bend, Verdict.KINK)
        if not self._excluded() or (hasty and not self._is_plain()):
            return None
        if self.doubts is not None:
            walk.trust_no_more_than(self.doubts.noise())
            if self._is_noisy() or not self._excluded():
                return None
            if not (hasty and self._is_gross()):
                if not self._excluded_still(self.doubts):
                    return None
                doubt = self._doubt()
                if doubt is not None:
                    return None if hasty else self._unknown(doubt)
        seen = walk.slope
        if seen is None:
            return None
        if walk.bends and walk.bend is not None:
            return self._kink(walk.bend, Verdict.FAIL, ", and the claim is not between the two")
        what = "outside the error bar" if math.isfinite(self.claim) else "not a finite number, where it is smooth"
        return Finding(Verdict.FAIL, seen.middle, seen.half, self._digits(seen), what + self._side())

    def _excluded(self) -> bool:
        """Whether the claim is nowhere between the slopes to the two sides, and more than a step or two say so."""
        hull, claim = self.walk.hull, self.claim
        if hull is None or self._between():
            return False
        if math.isinf(claim):
            return self.walk.flat or hull.half <= DIGITS * abs(hull.middle)
        if math.isnan(claim):
            return True
        against = hull.witnesses(claim, self.slack + hull.half - (self.walk.slope or hull).half)
        near = NEARER if self.walk.noise > EXCESS * UNIT * self.walk.magnitude else NEAR
        return len(against) >= WITNESSES and max(against) >= near

    def _is_plain(self) -> bool:
        """Whether all steps so far tell of one slope, and a change."""
        walk, seen = self.walk, self.walk.slope
        return seen is not None and seen.broken is None and walk.ripple > 0.0 and walk.is_steady(seen, FITS)

    def _is_gross(self) -> bool:
        """Whether the claim is off by so much, and the slope so plain to see, that no second look is needed."""
        seen = self.walk.slope
        if seen is None or seen.half > DIGITS * abs(seen.middle):
            return False
        return not abs(self.claim - seen.middle) <= GROSS * max(abs(self.claim), abs(seen.middle))

    def _excluded_still(self, doubts: Doubts) -> bool:
        """Whether the claim is excluded after a close look at how rough the function is."""
        walk, seen, slack = self.walk, self.walk.slope, self.slack
        if seen is None:
            return False
        walk.look_closely(max(bracket.octave for bracket in seen.brackets))
        if not self._excluded():
            return False
        self.slack = max(slack, doubts.slope())
        try:
            return self._excluded()
        finally:
            self.slack = slack

    def _doubt(self) -> str | None:
        """Why a claim outside the error bar may be right nevertheless."""
        walk, claim, seen = self.walk, self.claim, self.walk.slope
        if seen is None or not math.isfinite(claim):
            return None
        fine = self._on_stairs(seen)
        near = self.slack + ROUGHLY * abs(claim) if fine else self.slack
        enough = 1 if fine else WITNESSES
        if walk.elsewhere(seen, claim, near, 2 * FITS * abs(claim)) >= enough or self._ripples(seen):
            why = "rounding inside the function makes stairs" if fine else "it ripples, or large numbers cancel inside"
            return (
                f"at small steps the slope is {seen.middle:.6g}, and larger ones agree with the claim instead: {why}; "
                "write it without the cancellation, or check a part of it by itself"
            )
        if abs(claim - seen.middle) <= ROUGHLY * abs(seen.middle) and self._jumps_close_by(seen):
            return (
                f"the function jumps close by, as by rounding inside it, and the slope {seen.middle:.6g} between jumps "
                "may be off by more than the claim; write it without the cancellation"
            )
        if walk.sides_with(claim, seen, max(seen.witnesses(claim, self.slack), default=0)):
            return (
                f"larger steps say {seen.middle:.6g} ± {seen.half:.1e} instead, but smaller ones rather agree with the "
                "claim, as far as rounding lets them: it may ripple; check a part of it by itself"
            )
        if self._hides() and abs(claim) * CLOSE_BY <= VISIBLE * walk.rounding:
            return (
                f"the function shows no change beyond its rounding (about {walk.rounding:.1e}), and close by the claim "
                "would not show either; check a part of the function by itself, or at other inputs"
            )
        return None

    def _jumps(self) -> Finding | None:
        """INCONCLUSIVE, if the function jumps here or so close by that nothing is left to measure."""
        jump = self.walk.jump_nearby()
        if jump is None:
            return None
        where = f"at a distance of {abs(jump.step):.1e} (for a change of 1)" if jump.step else "at this point"
        return self._unknown(
            f"the function jumps by {abs(jump.height):.3g} {where}, and has no slope there; check further from the jump"
        )._replace(rough=True)

    def _kink(self, bend: Interval, verdict: Verdict, more: str = "") -> Finding:
        hull, apart = self.walk.hull or bend, 0.5 * bend.middle
        left, right = (
            side if abs(side) > ALIKE * abs(apart) else 0.0 for side in (hull.middle - apart, hull.middle + apart)
        )
        sides = f"not smooth here: slope {left:.6g} to the left, {right:.6g} to the right"
        return Finding(verdict, hull.middle, hull.half, 0.0, sides + more, rough=True)

    def _at_last(self) -> Finding:
        """PASS on three digits or more, else INCONCLUSIVE with its reason."""
        walk, seen = self.walk, self.walk.slope
        if all(sample is None for pair in walk.samples.values() for sample in pair):
            return self._unknown("the function has no finite value near this point; move it into the function's domain")
        if seen is None:
            return self._jumps() or self._unknown(
                "the difference quotients do not settle as the step shrinks (a vertical tangent, or noise); check at a "
                "point where the function is smooth"
            )
        if math.isinf(self.claim):
            return self._open(seen, "infinite, and the slope is not settled either; check where it is finite")
        if not self._holds():
            return self._open(
                seen, "outside the error bar, but by no more than the function is rough; check at another point too"
            )
        if self._has_digits(seen):
            return self._pass(seen, self._side())
        if abs(self.claim) <= self.slack and (seen.half <= DIGITS * walk.variation or self._hides()):
            return self._pass(seen, "zero, as far as rounding lets one see" + self._side())
        if abs(self.claim) <= DROWNED * seen.half and (seen.half <= DIGITS * walk.own_variation or self._hides()):
            return self._pass(seen, "as good as zero: far below what rounding lets one see" + self._side())
        if seen.half <= self.negligible:
            return self._pass(seen, "drowned by larger entries; off by less than a millionth of them" + self._side())
        return self._open(
            seen,
            f"inside the error bar, but that is wide: the function's rounding (about {walk.rounding:.1e}) hides its "
            "effect; check a part of the function by itself, or at other inputs",
        )

    # -- questions

    def _holds(self) -> bool:
        seen = self.walk.slope
        return seen is not None and math.isfinite(self.claim) and seen.holds(self.claim, self.slack)

    def _is_noisy(self) -> bool:
        return self.walk.noise > NOISY * (max(self.walk.magnitude, self.walk.variation) or abs(self.claim))

    def _between(self) -> bool:
        hull = self.walk.hull
        return hull is not None and math.isfinite(self.claim) and hull.holds(self.claim, self.slack)

    def _has_digits(self, seen: Interval) -> bool:
        apart = max(self.claim - seen.low, seen.high - self.claim)
        return apart <= 2 * DIGITS * max(abs(self.claim), abs(seen.middle))

    def _is_flat_and_zero(self) -> bool:
        return self.walk.flat and abs(self.claim) <= self.slack

    def _hides(self) -> bool:
        """Whether no change was seen that is larger than the function's rounding."""
        return self.walk.variation <= VISIBLE * self.walk.rounding

    def _on_stairs(self, seen: Interval) -> bool:
        """Whether larger steps leave the slope `seen` by a jump, one of many: they have another slope at large."""
        return self.walk.has_other_slope(seen, FITS) and self._jumps_close_by(seen)

    def _jumps_close_by(self, seen: Interval) -> bool:
        jump = self.walk.stairs(seen)
        return jump is not None and abs(jump.step) < FLIGHT and abs(jump.height) > 2 * self.walk.rounding

    def _ripples(self, seen: Interval) -> bool:
        """Whether the claim is about the larger steps, and the slope `seen` at small ones about ripples on top."""
        walk, claim, large = self.walk, self.claim, self.walk.at_large
        small = walk.ripple <= NOISY * walk.magnitude
        if large is not None and large.holds(claim, self.slack) and large.misses(seen):
            return small or large.half <= FITS * abs(claim)
        return small and abs(claim) <= 2 * walk.steepest <= FITS * abs(seen.middle)

    def _side(self) -> str:
        return "" if self.walk.central is not None else "; from one side, the function has no values on the other"

    # -- answers

    def _digits(self, seen: Interval) -> float:
        """Decimal digits to which claim and slope are certain to agree; those of a zero are of the function's size."""
        apart = max(abs(self.claim - seen.low), abs(seen.high - self.claim))
        size = max(abs(self.claim), abs(seen.middle))
        if abs(self.claim) <= self.slack and self._holds():
            size = max(size, self.walk.variation, self.walk.magnitude)
        if apart == 0:
            return MOST_DIGITS
        if size == 0 or not math.isfinite(apart):
            return 0.0
        return max(0.0, min(MOST_DIGITS, math.log10(size) - math.log10(apart)))

    def _pass(self, seen: Interval, reason: str = "") -> Finding:
        if not self.walk.is_steady(seen, FITS) and self._on_stairs(seen):
            return self._unknown(
                f"rounding inside the function makes stairs: at small steps the slope is {seen.middle:.6g}, at larger "
                "ones another, and nothing tells which of them is meant; write it without the cancellation"
            )
        return Finding(Verdict.PASS, seen.middle, seen.half, self._digits(seen), reason.removeprefix("; "))

    def _open(self, seen: Interval, reason: str) -> Finding:
        return Finding(Verdict.INCONCLUSIVE, seen.middle, seen.half, self._digits(seen), reason + self._side())

    def _unknown(self, reason: str) -> Finding:
        return Finding(Verdict.INCONCLUSIVE, reason=reason)


def judge(
    walk: Walk,
    claim: float,
    slack: float = 0.0,
    sharp: float = SHARP,
    doubts: Doubts | None = NONE,
    negligible: float = 0.0,
) -> Finding:
    """The verdict on a claimed slope; see `Judge`.

    Examples
    --------
    >>> from tinygrad_edu.check.intervals import Sample
    >>> def wave(t):
    ...     return Sample(t, math.sin(1 + t) - math.sin(1), 2e-16)
    >>> judge(Walk(wave, magnitude=1.0), math.cos(1)).verdict
    <Verdict.PASS: 'PASS'>
    >>> judge(Walk(wave, magnitude=1.0), 1.000001 * math.cos(1)).verdict
    <Verdict.FAIL: 'FAIL'>
    """
    return Judge(walk, claim, slack, sharp, doubts, negligible).verdict()
