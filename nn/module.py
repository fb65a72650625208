"""The module tree: parameters, buffers and submodules, found by looking at a module's attributes.

A module's parameters are its Tensors that require a gradient, its buffers those that do not, its submodules the
modules among its attributes; lists, tuples and dicts are looked into. Nothing is registered: what an attribute holds
now is what counts. A path joins attribute names and indices with dots, as in `blocks.0.kernel`; it is the name of a
tensor in `state_dict`, in pictures and in error messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ._build import RestoreOnError, marks_built, takes_training
from ._penalties import note_constraints
from ._state import check_state
from ._symbolic import Spec, has_symbols, map_leaves, record_call

__all__ = ["Module", "Parameter"]

Shape = tuple[int | None, ...]
Arrays = dict[str, npt.NDArray[Any]]


def Parameter(value: Tensor | npt.ArrayLike, dtype: npt.DTypeLike = "float32") -> Tensor:
    """Return a tensor of its own memory that requires a gradient.

    Args:
        value: array-like of any shape.
        dtype: floating dtype.

    Example:
        >>> Parameter([1, 2])
        Tensor([1., 2.], dtype=float32, requires_grad=True)
    """
    return ag.tensor(value, dtype=dtype, requires_grad=True)


class Module:
    """A function with parameters: a subclass assigns them as attributes and writes `call`.

    Inputs of any floating dtype are cast to the module's dtype, arrays become Tensors, integers pass through.
    A subclass whose parameters depend on the shape of its input makes them in `build`, which runs before the first
    call.

    Args:
        name: what summaries and error messages call it; by default the class's name in lower case.
        dtype: floating dtype that inputs are cast to; float32 by default.

    Example:
        >>> class Scale(Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = Parameter(2.0)
        ...     def call(self, x):
        ...         return x * self.factor
        >>> scale = Scale()
        >>> scale([1.0, 3.0]), [path for path, _ in scale.named_parameters()]
        (Tensor([2., 6.], dtype=float32, op=multiply), ['factor'])
    """

    # Class attributes, so that a subclass which forgets super().__init__() works too.
    training: bool = True
    built: bool = False
    input_shape: tuple[int, ...] | None = None
    output_shape: Shape | None = None
    _dtype: np.dtype[Any] = np.dtype("float32")
    _name: str | None = None
    _path: str | None = None
    _takes_training: ClassVar[bool] = False
    _trainable: bool = True
    _frozen: tuple[str, ...] = ()
    _example: Any = None  # the arguments of the first call, with the shape of a sample and the dtype for each tensor

    def __init__(self, *, name: str | None = None, dtype: npt.DTypeLike | None = None) -> None:
        self._name = name
        if dtype is not None:
            self._dtype = np.dtype(dtype)
            if self._dtype.kind != "f":
                raise ag.DtypeError(f"{type(self).__name__}: expected a floating dtype; received {self._dtype}")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._takes_training = takes_training(cls.call)
        if "build" in vars(cls):
            cls.build = marks_built(cls.build)  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """The given name, else the one that the module has in its parent, else the class's name in snake case."""
        if self._name is not None:
            return self._name
        last = (self._path or "").rpartition(".")[2]
        return last if last and not last.isdigit() else snake_case(type(self).__name__)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating dtype that inputs are cast to."""
        return self._dtype

    # ---- calling ----------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; written by subclasses."""
        raise NotImplementedError(
            f"{type(self).__name__}: expected a method call(self, x) that computes the output; found none. Write one"
        )

    @marks_built
    def build(self, input_shape: Shape) -> None:
        """Create the parameters for inputs of this shape; a layer that has any writes this method.

        By default, modules among the attributes that have no parameters yet get them: `call` runs once on zeros.

        Args:
            input_shape: shape of the input; the batch axis is None.
        """
        if self._has_unbuilt_parts():
            if None in input_shape[1:]:
                raise ag.ShapeError(
                    f"{self.name}.build: expected every length but the first; received {input_shape}. "
                    "Call the module on a batch instead"
                )
            self._rehearse((ag.tensor(np.zeros((1, *input_shape[1:]), self._dtype)),), {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Cast the inputs, build on the first call, and run `call`; called on symbols, record the call."""
        for x in args:
            if x.__class__ is not Tensor and has_symbols(x):
                return record_call(self, args, kwargs)
        if kwargs and has_symbols(kwargs):
            return record_call(self, args, kwargs)
        args = tuple([self._cast(x) for x in args])
        if self._takes_training and "training" not in kwargs:
            kwargs["training"] = self.training
        if not self.built:
            return self._first_call(args, kwargs)
        with ag.module_scope(self._path or "", absolute=True):
            return self.call(*args, **kwargs)

    def _cast(self, x: Any) -> Any:
        if x.__class__ is Tensor:
            dtype = x.dtype
            return x if dtype is self._dtype or dtype.kind != "f" else x.astype(self._dtype, copy=False)
        if isinstance(x, (list, tuple)):
            if any(isinstance(part, Tensor) for part in x):
                return x
            x = np.asarray(x)
        if isinstance(x, np.ndarray):
            return ag.tensor(x, dtype=self._dtype if x.dtype.kind == "f" else None)
        return x

    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with RestoreOnError(self):
            self._name_tree()
            if self._needs_build():
                self.build(_batch_shape(args, self.name))
            if self._has_unbuilt_parts():
                self._rehearse(args, kwargs)
            self.built = True
            self._name_tree()
            self._example = map_leaves(Tensor, lambda t: Spec(t.shape[1:], t.dtype.name), args)
            with ag.module_scope(self._path or "", absolute=True):
                out = self.call(*args, **kwargs)
            if isinstance(out, Tensor) and out.ndim:
                self.output_shape = (None, *out.shape[1:])
            return out

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output, batch axis None, by default by running the module on zeros."""
        if None in input_shape[1:]:
            raise ag.ShapeError(
                f"{self.name}.compute_output_shape: expected every length but the first; received {input_shape}"
            )
        with ag.no_grad(), self.mode(training=False):
            return (None, *self(np.zeros((1, *input_shape[1:]), self._dtype)).shape[1:])

    # ---- building ---------------------------------------------------------------------------------------------------

    def _needs_build(self) -> bool:
        return not self.built and type(self).build is not Module.build

    def _has_unbuilt_parts(self) -> bool:
        return any(module is not self and module._needs_build() for _, module in self._walk())

    def _rehearse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Run `call` once without a record so that the parts build themselves, in order, before anything else happens.

        In evaluation mode: a dropout that draws between two initializers would make the initial values depend on
        whether the shapes were known beforehand.
        """
        with ag.no_grad(), self.mode(training=False):
            self.call(*args, **(kwargs | {"training": False} if self._takes_training else kwargs))

    def _ready(self, what: str) -> None:
        """Build the parts whose input shape is known, and refuse to go on if others remain unbuilt."""
        for path, module in list(self._walk()):
            if module._needs_build():
                if module.input_shape is None:
                    label = f"'{path}'" if path else f"'{self.name}'"
                    raise ValueError(
                        f"{what}: expected a module with parameters; {label} ({type(module).__name__}) has none yet, "
                        "because its input shape is not known. Give the first layer input_shape=(...), or call the "
                        "module on a batch first"
                    )
                module.build((None, *module.input_shape))

    # ---- the tree ---------------------------------------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Module | Tensor]]:
        for name, value in vars(self).items():
            yield from _members_in(name, value)

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it with their paths, parents first, each module once."""
        seen = set()
        stack = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                below = [(_join(path, name), m) for name, m in module._members() if isinstance(m, Module)]
                stack.extend(reversed(below))

    def _tensors(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Yield the leaf tensors of the tree with their paths, each tensor once."""
        seen = set()
        for path, module in self._walk(prefix):
            for name, member in module._members():
                if isinstance(member, Tensor) and member.is_leaf and id(member) not in seen:
                    seen.add(id(member))
                    yield _join(path, name), member

    def _name_tree(self) -> None:
        prefix = self._path or ""
        for path, module in self._walk(prefix):
            module._path = path
        for path, tensor in self._tensors(prefix):
            tensor.name = path

    def named_modules(self) -> list[tuple[str, Module]]:
        """Return this module, whose path is "", and all modules below it, with their paths, parents first."""
        return list(self._walk())

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Return the parameters with their paths, in the order of assignment, parents first, each tensor once.

        Raises:
            ValueError: if some part has no parameters yet, because the shape of its input is not known.
        """
        self._ready(f"{self.name}.named_parameters()")
        self._name_tree()
        note_constraints(self)
        return [(path, t) for path, t in self._tensors() if t.requires_grad]

    def parameters(self) -> list[Tensor]:
        """Return the parameters, in the order of `named_parameters`."""
        return [t for _, t in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """Return the tensors that require no gradient, with their paths."""
        self._ready(f"{self.name}.named_buffers()")
        return [(path, t) for path, t in self._tensors() if not t.requires_grad]

    def buffers(self) -> list[Tensor]:
        """Return the tensors that require no gradient."""
        return [t for _, t in self.named_buffers()]

    def count_params(self) -> int:
        """Return the number of elements of all parameters and buffers."""
        self._ready(f"{self.name}.count_params()")
        return sum(t.size for _, t in self._tensors())

    # ---- state and mode ---------------------------------------------------------------------------------------------

    def state_dict(self) -> Arrays:
        """Return copies of the values of all parameters and buffers, by their paths."""
        self._ready(f"{self.name}.state_dict()")
        return {path: t.numpy() for path, t in self._tensors()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike | Tensor]) -> None:
        """Assign the values of all parameters and buffers, or, if anything does not fit, none of them.

        Args:
            state: arrays by path, as `state_dict` returns them.

        Raises:
            ValueError: if paths are missing or unexpected, or shapes or dtypes differ; the message lists them all.
        """
        self._ready(f"{self.name}.load_state_dict()")
        tensors = dict(self._tensors())
        arrays = check_state(f"{self.name}.load_state_dict", tensors, state)
        for path, tensor in tensors.items():
            tensor.assign(arrays[path])

    def train(self) -> Self:
        """Switch the whole tree to training mode (dropout drops), and return the module."""
        for _, module in self._walk():
            module.training = True
        return self

    def eval(self) -> Self:
        """Switch the whole tree to evaluation mode (dropout passes through), and return the module."""
        for _, module in self._walk():
            module.training = False
        return self

    @contextmanager
    def mode(self, *, training: bool) -> Iterator[None]:
        """Switch the whole tree to training or evaluation mode inside, and every module back to its own after."""
        before = [(module, module.training) for _, module in self._walk()]
        for module, _ in before:
            module.training = training
        try:
            yield
        finally:
            for module, was in before:
                module.training = was

    # ---- freezing and weights ---------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether the parameters require gradients; setting it reaches the whole tree, also parts not yet built.

        Buffers, such as running statistics, stay buffers. Compile a model again after a change, with a new optimizer.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        for _, module in self._walk():
            module._trainable = bool(trainable)
            module._apply_trainable()

    def _apply_trainable(self) -> None:
        own = {name: t for name, t in self._members() if isinstance(t, Tensor) and t.is_leaf}
        if not self._trainable:
            names = tuple(name for name, t in own.items() if t.requires_grad)
            self._frozen = (*self._frozen, *names)
            for name in names:
                own[name].requires_grad = False
        elif self._frozen:
            for name in self._frozen:
                if name in own:
                    own[name].requires_grad = True
            self._frozen = ()

    @property
    def weights(self) -> list[Tensor]:
        """All parameters and buffers, in the order of `state_dict`."""
        self._ready(f"{self.name}.weights")
        self._name_tree()
        return [t for _, t in self._tensors()]

    @property
    def trainable_weights(self) -> list[Tensor]:
        """The weights that require a gradient."""
        return [t for t in self.weights if t.requires_grad]

    @property
    def non_trainable_weights(self) -> list[Tensor]:
        """The weights that require no gradient."""
        return [t for t in self.weights if not t.requires_grad]

    def get_weights(self) -> list[npt.NDArray[Any]]:
        """Return copies of the values of `weights`."""
        return [t.numpy() for t in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Assign values in the order of `weights`, or, if anything does not fit, none of them.

        Raises:
            ValueError: if their number, a shape or a dtype differs.
        """
        self._ready(f"{self.name}.set_weights()")
        paths = [path for path, _ in self._tensors()]
        if len(weights) != len(paths):
            raise ValueError(
                f"{self.name}.set_weights: expected {len(paths)} arrays, in the order of get_weights(); received "
                f"{len(weights)}"
            )
        self.load_state_dict(dict(zip(paths, weights, strict=True)))

    # ---- looks ------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return what `repr` shows of the module itself, beside its parts."""
        return ""

    def __repr__(self) -> str:
        parts = [
            f"  ({name}): " + repr(member).replace("\n", "\n  ")
            for name, member in self._members()
            if isinstance(member, Module)
        ]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return f"{head})" if not parts else "\n".join([head, *parts, ")"])

    def __getattr__(self, attribute: str) -> Any:
        # Reached only for what is missing. Annotated in the class and not there yet: it is made by `build`.
        cls = type(self)
        if (
            not attribute.startswith("__")
            and not self.built
            and any(attribute in vars(base).get("__annotations__", ()) for base in cls.__mro__)
        ):
            raise AttributeError(
                f"{self.name}.{attribute}: expected a built {cls.__name__}; it has no {attribute} yet, because its "
                "input shape is not known. Give input_shape=(...), or call it on a batch first"
            )
        raise AttributeError(f"'{cls.__name__}' object has no attribute '{attribute}'")


def snake_case(name: str) -> str:
    """Return a class's name in snake case.

    Example:
        >>> snake_case("LayerNormalization"), snake_case("MyMLP")
        ('layer_normalization', 'my_mlp')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _members_in(name: str, value: Any) -> Iterator[tuple[str, Module | Tensor]]:
    if isinstance(value, (Module, Tensor)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from _members_in(f"{name}.{i}", part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _members_in(f"{name}.{key}", part)


def _batch_shape(args: tuple[Any, ...], name: str) -> Shape:
    shape = getattr(args[0], "shape", None) if args else None
    if not shape:
        raise ag.ShapeError(f"{name}: expected a batch, shape (N, ...), as its first argument; received {args!r:.80}")
    return (None, *shape[1:])
