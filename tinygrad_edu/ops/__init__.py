"""The operations, one entry each, grouped as a reader would look for them.

A file of operations lists its public names in `__all__`; this package and `tinygrad_edu` export them all.
"""

from tinygrad_edu.ops import (
    activation,
    attention,
    choice,
    columns,
    contraction,
    convolution,
    cumulative,
    decompositions,
    elementwise,
    indexing,
    joining,
    linalg,
    matrix_functions,
    missing,
    norms,
    order,
    padding,
    picking,
    pooling,
    products,
    random,
    rearrange,
    reduction,
    rounding,
    sequence_pooling,
    shape,
    signal,
    special,
    spectral,
    spread,
    systems,
    trigonometric,
)
from tinygrad_edu.ops import ufunc_methods as ufunc_methods
from tinygrad_edu.ops.activation import *
from tinygrad_edu.ops.attention import *
from tinygrad_edu.ops.choice import *
from tinygrad_edu.ops.columns import *
from tinygrad_edu.ops.contraction import *
from tinygrad_edu.ops.convolution import *
from tinygrad_edu.ops.cumulative import *
from tinygrad_edu.ops.decompositions import *
from tinygrad_edu.ops.elementwise import *
from tinygrad_edu.ops.indexing import *
from tinygrad_edu.ops.joining import *
from tinygrad_edu.ops.linalg import *
from tinygrad_edu.ops.matrix_functions import *
from tinygrad_edu.ops.missing import *
from tinygrad_edu.ops.norms import *
from tinygrad_edu.ops.order import *
from tinygrad_edu.ops.padding import *
from tinygrad_edu.ops.picking import *
from tinygrad_edu.ops.pooling import *
from tinygrad_edu.ops.products import *
from tinygrad_edu.ops.random import *
from tinygrad_edu.ops.rearrange import *
from tinygrad_edu.ops.reduction import *
from tinygrad_edu.ops.rounding import *
from tinygrad_edu.ops.sequence_pooling import *
from tinygrad_edu.ops.shape import *
from tinygrad_edu.ops.signal import *
from tinygrad_edu.ops.special import *
from tinygrad_edu.ops.spectral import *
from tinygrad_edu.ops.spread import *
from tinygrad_edu.ops.systems import *
from tinygrad_edu.ops.trigonometric import *

__all__: list[str] = []
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += choice.__all__
__all__ += columns.__all__
__all__ += contraction.__all__
__all__ += convolution.__all__
__all__ += cumulative.__all__
__all__ += decompositions.__all__
__all__ += elementwise.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += linalg.__all__
__all__ += matrix_functions.__all__
__all__ += missing.__all__
__all__ += norms.__all__
__all__ += order.__all__
__all__ += padding.__all__
__all__ += picking.__all__
__all__ += pooling.__all__
__all__ += products.__all__
__all__ += random.__all__
__all__ += rearrange.__all__
__all__ += reduction.__all__
__all__ += rounding.__all__
__all__ += sequence_pooling.__all__
__all__ += shape.__all__
__all__ += signal.__all__
__all__ += special.__all__
__all__ += spectral.__all__
__all__ += spread.__all__
__all__ += systems.__all__
__all__ += trigonometric.__all__
