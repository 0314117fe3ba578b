"""What becomes of the memory that arrays give back."""

import numpy as np

ONCE = (1 << 25) - (1 << 16)  # bytes; glibc learns from pieces of up to 32 MiB, its own bookkeeping included


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to 64 MiB, instead of returning it to the system at once.

    A step of training makes and frees arrays of the same sizes over and over. With glibc's first settings it gets
    them from the system anew each time, page by page: a quarter of the time of an eager LSTM. A large piece that is
    freed tells glibc to keep more (see mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD); nobody writes to this one,
    so it takes no memory. Settings of the user's own (MALLOC_TRIM_THRESHOLD_) stay; other C libraries do not care.
    """
    np.empty(ONCE, np.uint8)
