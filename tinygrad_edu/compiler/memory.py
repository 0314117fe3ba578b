"""Which buffer each result of a program is written to: one block of memory, shared by results that never meet."""

from dataclasses import dataclass, field

ALIGNMENT = 64


@dataclass
class Arena:
    """Hands out pieces of one block of memory, and takes them back; `peak` is the size that the block must have."""

    peak: int = 0
    _free: list[tuple[int, int]] = field(default_factory=list)  # (start, stop), in order, never touching

    def take(self, size: int) -> int:
        """Where a piece of that many bytes starts: the smallest gap that holds it, else the end."""
        size = max(-(-size // ALIGNMENT) * ALIGNMENT, ALIGNMENT)
        fitting = [(stop - start, i) for i, (start, stop) in enumerate(self._free) if stop - start >= size]
        if fitting:
            _, i = min(fitting)
            start, stop = self._free.pop(i)
            if start + size < stop:
                self._free.insert(i, (start + size, stop))
            return start
        if self._free and self._free[-1][1] == self.peak:  # the last gap grows
            start, _ = self._free.pop()
        else:
            start = self.peak
        self.peak = start + size
        return start

    def give(self, start: int, size: int) -> None:
        """Take a piece back."""
        stop = start + max(-(-size // ALIGNMENT) * ALIGNMENT, ALIGNMENT)
        before = [piece for piece in self._free if piece[1] < start]
        touching = [piece for piece in self._free if start <= piece[1] and piece[0] <= stop]
        after = [piece for piece in self._free if piece[0] > stop]
        if touching:
            start, stop = min(start, touching[0][0]), max(stop, touching[-1][1])
        self._free = [*before, (start, stop), *after]
