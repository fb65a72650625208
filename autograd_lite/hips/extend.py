"""What users give derivatives with: `autograd.extend`."""

from .core import (
    JVPNode as JVPNode,
    SparseObject as SparseObject,
    VJPNode as VJPNode,
    VSpace as VSpace,
    def_linear as def_linear,
    defjvp as defjvp,
    defjvp_argnum as defjvp_argnum,
    defjvp_argnums as defjvp_argnums,
    defvjp as defvjp,
    defvjp_argnum as defvjp_argnum,
    defvjp_argnums as defvjp_argnums,
    primitive as primitive,
    register_notrace as register_notrace,
    vspace as vspace,
)
from .tracer import Box as Box, notrace_primitive as notrace_primitive
