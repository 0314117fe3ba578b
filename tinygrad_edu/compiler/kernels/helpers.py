"""What straight kernels call for an entry, or for a block of entries: sums of products, sums, maxima."""

BLOCK = 4  # rows, and columns, of a product of matrices that `block` computes at once


def _block() -> str:
    """Sixteen sums of products side by side: each number is read once for four of them."""
    rows = columns = range(BLOCK)
    places = [(r, c) for r in rows for c in columns]
    return "\n".join([
        "def block(out, o, w, a, i, s, b, j, t, n):",
        f"    {' = '.join(f't{r}{c}' for r, c in places)} = 0.0",
        "    for k in range(n):",
        *(f"        x{r} = a[i + k + {r} * s]" for r in rows),
        *(f"        y{c} = b[j + k + {c} * t]" for c in columns),
        *(f"        t{r}{c} += x{r} * y{c}" for r, c in places),
        *(f"    out[o + {r} * w + {c}] = t{r}{c}" for r, c in places),
    ])  # fmt: skip


ANY_ORDER = '@njit(nogil=True, error_model="numpy", forceinline=True, fastmath={"reassoc", "nsz", "contract"})'
HELPERS = f"""from tinygrad_edu.compiler.kernels.pointers import floats, integers


{ANY_ORDER}
def dot(a, i, s, b, j, t, n):
    total = 0.0
    for k in range(n):
        total += a[i + k * s] * b[j + k * t]
    return total


{ANY_ORDER}
{_block()}


{ANY_ORDER}
def added(a, i, s, n):
    total = 0.0
    for k in range(n):
        total += a[i + k * s]
    return total


@njit(nogil=True, forceinline=True)
def maximum(x, y):
    return x if (x >= y) | (x != x) else y


"""
