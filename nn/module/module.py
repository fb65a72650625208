"""`Module`, a tree of parts that can be called: building on the first call, casts, masks, state and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import setitem
from reprlib import recursive_repr
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array as array_of, is_duck_array
from autograd_lite.extend import fold_error, is_compiling, module_scope, more_on

from ..config.ambient import CALL
from ..config.arguments import as_array, checked, checked_here, is_text, problem_of_call
from ..config.hooks import HOOKS
from ..config.limits import room, room_for_result
from ..config.nesting import is_roomy, room_for, with_room
from ..config.settings import DTypeLike, DTypePolicy, dtype_of
from .abstract import blank, on_shapes
from .building import RestoreOnError, build_once, lock_of, marks_built, takes_training
from .elsewhere import ELSEWHERE, FURTHER
from .masks import MASKS, any_mask, by_place, masked_call, masks_in, warn_lost
from .modes import adopt, trees_changed
from .penalties import note_constraints
from .recording import record_call
from .settings import cover, guard_on, is_covered
from .state import IncompatibleKeys, carried_in, check_state, preserve_state
from .symbols import NO_PLACE, Spec, Symbol, has_symbols, instances, replace_leaves, spec_of
from .tree import Shape as Shape, Tree, levels_of

Arrays = dict[str, npt.NDArray[Any]]


@checked
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


@checked_here
class Module(Tree["Module"]):
    """A function with parameters: a subclass assigns them as attributes and writes `call`.

    Inputs of any floating dtype are cast to the module's dtype, and arrays become Tensors; integers pass through, and
    arrays of strings stay arrays. A subclass whose parameters depend on the shape of its input makes them in `build`,
    which runs before the first call.

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

    #: whether the mask of the first argument is that of the result too, unless `compute_mask` says otherwise
    supports_masking: bool = False
    _dtype: np.dtype[Any] = np.dtype("float32")
    _takes_training: ClassVar[bool] = False
    _takes_masks: ClassVar[bool] = True  # whether a parameter `mask` of `call` is one of time steps
    _takes_text: ClassVar[bool] = True  # whether its inputs may be arrays of strings; false of most layers of nn
    _keeps_batch: bool = True  # whether the first axis of a result is the batch, whatever the input's is
    _takes_lists: ClassVar[bool] = True  # whether a list of arrays is several inputs, not a batch; false of nn's own
    _makes_masks: bool = False  # whether the result may have a mask where no argument has one
    _example: Any = None  # the arguments of the first call, with the shape of a sample and the dtype for each tensor

    def __init__(self, *, name: str | None = None, dtype: DTypeLike = None) -> None:
        self._name = name
        if dtype is not None:
            kind = dtype_of(dtype)
            if isinstance(kind, dict):  # NumPy takes one for the names of fields, and says less
                raise TypeError(f"{type(self).__name__}: expected a dtype, as 'float32'; received dtype={dtype}")
            self._dtype = np.dtype(kind)
            if self._dtype.kind != "f":
                raise ag.DtypeError(f"{type(self).__name__}: expected a floating dtype; received {self._dtype}")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if isinstance(own.get("training"), bool):  # as a class says what its objects begin with
            cls._begins_training = own["training"]
            del cls.training
        cls._takes_training = takes_training(cls.call)
        cls._takes_lists = own.get("_takes_lists", not cls.__module__.startswith("autograd_lite.nn."))
        cls._takes_text = own.get("_takes_text", not cls.__module__.startswith("autograd_lite.nn.layers."))
        if "compute_mask" in own:
            cls.supports_masking = own.get("supports_masking", True)
            cls._makes_masks = own.get("_makes_masks", True)
        if "build" in vars(cls):
            cls.build = marks_built(cls.build)  # type: ignore[method-assign]
        checked_here(cls)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating dtype that inputs are cast to."""
        return self._dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The dtype as Keras's programs read it."""
        return DTypePolicy(self.dtype.name)

    @property
    def _call_name(self) -> str:
        """The name of the layer in errors of a call."""
        return f"layer {self.name!r} ({type(self).__name__})"

    # ---- calling ----------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; written by subclasses.

        Args:
            args, kwargs: what the subclass takes, such as `x`, `training` or `mask`.
        """
        fix = "Rename forward to call" if hasattr(type(self), "forward") else "Write one"
        raise NotImplementedError(
            f"{type(self).__name__}: expected a method call(self, x) that computes the output; found none. {fix}"
        )

    def _has_call(self) -> bool:
        """Return whether it can be called; a model with its own `train_step` need not be callable."""
        return type(self).call is not Module.call

    @marks_built
    def build(self, input_shape: Shape) -> None:
        """Create the parameters for inputs of this shape; a layer that has any writes this method.

        By default, modules among the attributes that have no parameters yet get them: `call` runs once, on a shape.

        Args:
            input_shape: shape of the input; the batch axis is None.
        """
        if self._has_unbuilt_parts():
            if None in input_shape[1:]:
                raise ag.ShapeError(
                    f"{self.name}.build: expected every length but the first; received {input_shape}. "
                    "Call the module on a batch instead"
                )
            room(input_shape)
            sample = blank((1, *input_shape[1:]), self._dtype)
            if (
                self._device_array is None
                and on_shapes(self, lambda inputs: self._rehearse(tuple(inputs), {}), [sample])[1]
            ):
                return
            self._rehearse((ag.tensor(self._to_device(np.array(sample))),), {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Cast the inputs, build on the first call, and run `call`; called on symbols, record the call.

        Every module takes `training=True` or `training=False`, which sets its mode and that of its parts for the call.
        """
        if self._levels and not is_roomy(self._levels):
            with room_for(self._levels):
                return self(*args, **kwargs)
        if not args and kwargs:
            args = by_place(type(self), kwargs)
        for x in args:
            if x.__class__ is not Tensor and has_symbols(x):
                return self._record(args, kwargs)
        if kwargs and has_symbols(kwargs):
            return self._record(args, kwargs)
        try:
            if MASKS or self._makes_masks or (kwargs and kwargs.get("mask") is not None):
                return masked_call(self, args, kwargs)
            return self._cast_and_call(args, kwargs)
        except Exception as error:
            __tracebackhide__ = True
            raise fold_error(problem_of_call(self, error, args, kwargs))  # noqa: B904 it keeps its cause

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kind: Any = type(self)
        shape_of: Any = None
        if hasattr(kind, "compute_output_spec"):  # a user's class, as in Keras

            def shape_of(_: Any) -> Any:
                return [symbol.shape for symbol in instances(Symbol, kind.compute_output_spec(self, *args, **kwargs))]

        elif kind.compute_output_shape is not Module.compute_output_shape:
            shape_of = self.compute_output_shape
        return record_call(self, args, kwargs, shape_of)

    def _cast_and_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_compiling() and not is_covered(self):
            guard_on(self)
            with cover(self):
                return self._cast_and_call(args, kwargs)
        training = kwargs.pop("training", None)
        if training is not None and training != self.training:
            with self.mode(training=bool(training)):  # for the parts too, as in Keras
                return self._cast_and_call(args, kwargs)
        args = tuple([self._cast(x) for x in args])
        if self._takes_training:
            kwargs["training"] = self.training if training is None else training
        if not self.built:
            with lock_of(self):
                if not self.built:  # another thread may have built it while this one waited
                    return self._first_call(args, kwargs)
        path = self._path
        with module_scope(path, absolute=True) if path else self._scope() as scope:
            return scope.note(self.call(*args, **kwargs))

    def _scope(self) -> module_scope:
        # A module outside of all others is a model: a picture that shows several needs its name.
        return module_scope(self._path, absolute=True) if self._path else module_scope("", model=self)

    def _cast(self, x: Any) -> Any:
        if x.__class__ is Tensor:
            dtype = x.dtype
            return x if dtype is self._dtype or dtype.kind != "f" else self._cast_tensor(x)
        if isinstance(x, Tensor):  # of a transformation
            return self._cast_tensor(x) if x.dtype.kind == "f" else x
        if isinstance(x, (list, tuple)):
            if any(isinstance(part, Tensor) for part in x):
                return x
            if self._takes_lists and x and all(map(_is_array, x)):
                return [self._cast(part) for part in x]
            x = as_array(x)
        elif hasattr(x, "__array__") and not isinstance(x, (np.ndarray, np.generic, Tensor)):
            x = array_of(x)  # of a table of pandas, a tensor of PyTorch; one on a device stays there
        if isinstance(x, dict) and self._takes_lists:
            return {key: self._cast(part) if _is_array(part) else part for key, part in x.items()}
        if isinstance(x, np.ndarray):
            if self._takes_text and is_text(x):
                return x
            values = x if self._device_array is None else self._to_device(x)
            return ag.tensor(values, dtype=self._dtype if x.dtype.kind == "f" else None)
        return ag.tensor(x, dtype=self._dtype if x.dtype.kind == "f" else None) if is_duck_array(x) else x

    def _cast_tensor(self, x: Tensor) -> Tensor:
        y: Tensor = x.astype(self._dtype, copy=False)
        if y.is_leaf and y is not x:  # nothing is recorded, so this is what pictures show as the input
            y.name = x.name
        return y

    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        probed = CALL.get().probed
        inputs = args if probed is None or probed[0] is not self else probed[1]  # symbols know which lengths are open
        self._name_tree()
        with room_for(self._levels), RestoreOnError(self):
            if self._needs_build():
                self.build(_batch_shape(inputs, self.name))
            if self._has_unbuilt_parts():
                self._rehearse(args, kwargs)
            self.built = True
            if self._made_frozen:
                self.trainable = False
            adopt(self, self)
            trees_changed()
            self._name_tree()
            room_for_result(self, args)
            self._example = replace_leaves((Tensor, Symbol, np.ndarray), spec_of, inputs)
            with self._scope() as scope:
                out = scope.note(self.call(*args, **kwargs))
            if isinstance(out, Tensor) and out.ndim:
                self.output_shape = (None, *out.shape[1:])
            return out

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the result; written by layers whose result has other time steps than their input.

        A class that writes it supports masks. One whose results have their inputs' time steps sets
        `supports_masking = True` instead, and passes masks on as they are.

        Args:
            inputs: the first argument of the call, a tensor or a structure of tensors.
            previous_mask: its mask, booleans (N, T), True where a step counts, or the `mask` that the caller passed.
                For a structure of tensors, a structure of masks, with None for tensors without a mask.

        Returns:
            The mask of the result, or None. If the result is a list, the mask of its first entry, or a list of masks.

        Example:
            >>> class EverySecond(Module):
            ...     def call(self, x):
            ...         return x[:, ::2]
            ...     def compute_mask(self, inputs, previous_mask=None):
            ...         return None if previous_mask is None else previous_mask[:, ::2]
            >>> from nn import layers
            >>> shorter = EverySecond()(layers.Masking()(np.array([[[1.0], [2.0], [0.0], [0.0]]])))
            >>> layers.LSTM(3)(shorter).shape  # which reads one step
            (1, 3)
        """
        return previous_mask

    def _output_mask(self, args: tuple[Any, ...], previous_mask: Any, out: Any) -> Any:
        """Return the mask of the result of a call with these arguments, whose parts may already have given it one."""
        if self.supports_masking:
            return self.compute_mask(args[0] if args else None, previous_mask)
        if any_mask(previous_mask) and masks_in(out) is None:
            warn_lost(self)
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output, batch axis None, by default by running the module on a shape."""
        if None in input_shape[1:]:
            raise ag.ShapeError(
                f"{self.name}.compute_output_shape: expected every length but the first; received {input_shape}"
            )
        room(input_shape)
        with ag.no_grad(), self.mode(training=False), preserve_state(self), np.errstate(all="ignore"):
            sample = blank((1, *input_shape[1:]), self._dtype)
            out, fits = on_shapes(self, lambda inputs: self(*inputs), [sample])
            return (None, *(out if fits else self(np.array(sample))).shape[1:])

    # ---- building ---------------------------------------------------------------------------------------------------

    def _input_shape(self) -> Any:
        """Return the shape of its input, with None for the batch, or of its inputs; None if it is not known."""
        shape = self._open_shape or self._sample_shape
        if shape is not None:
            return (None, *shape)
        shapes = replace_leaves(Spec, lambda spec: (None, *spec.shape), self._example)
        return self._built_shape if shapes is None else shapes[0] if len(shapes) == 1 else shapes

    def _needs_build(self) -> bool:
        return not self.built and type(self).build is not Module.build

    def _has_unbuilt_parts(self) -> bool:
        return any(module is not self and module._needs_build() for _, module in self._walk())

    @ag.no_grad()
    def _rehearse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Run `call` once without a record so that the parts build themselves, in order, before anything else happens.

        In evaluation mode: if a dropout drew between two initializers, the initial values would depend on whether the
        shapes were known in advance.
        """
        with self.mode(training=False), preserve_state(self), np.errstate(all="ignore"):
            self.call(*args, **(kwargs | {"training": False} if self._takes_training else kwargs))

    def _ready(self, caller: str) -> None:
        """Build the parts whose input shape is known, and refuse to go on if others remain unbuilt."""
        for path, module in self._build_known():
            label = f"'{path}'" if path else f"'{self.name}'"
            raise ValueError(
                f"{caller}: expected a module with parameters; received {label} ({type(module).__name__}), which "
                "has none yet, because its input shape is not known. Give the first layer input_shape=(...), "
                "or call the module on a batch first" + more_on("no-parameters-yet")
            )

    def _build_known(self) -> list[tuple[str, Module]]:
        """Build the parts whose input shape is known, and return the others, with their paths."""
        others = []
        for path, module in list(self._walk()):
            if module._needs_build():
                if module._sample_shape is None:
                    others.append((path, module))
                else:
                    build_once(module, (None, *module._sample_shape))
        return others

    # ---- parameters and buffers -------------------------------------------------------------------------------------

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Return the parameters with their paths, in the order of assignment, parents first, each tensor once.

        Raises:
            ValueError: if some part has no parameters yet, because the shape of its input is not known.
        """
        self._ready(f"{type(self).__name__}.named_parameters")
        self._name_tree()
        note_constraints(self)
        return [(path, t) for path, t in self._tensors() if t.requires_grad]

    def parameters(self) -> list[Tensor]:
        """Return the parameters, in the order of `named_parameters`."""
        return [t for _, t in self.named_parameters()]

    def _modules_if_unchanged(self, parameters: Sequence[Tensor]) -> list[Module] | None:
        """Return the modules of the tree, if all are built and these are the parameters, in order; else None."""
        modules: list[Module] = []
        trainable: dict[int, Tensor] = {}
        for _, module, members in self._scan():
            if not self.built or module._needs_build():
                return None
            modules.append(module)
            trainable |= {id(t): t for _, t in members if isinstance(t, Tensor) and t.is_leaf and t.requires_grad}
        return modules if list(trainable) == [id(t) for t in parameters] else None

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """Return the tensors that require no gradient, with their paths."""
        self._ready(f"{type(self).__name__}.named_buffers")
        return [(path, t) for path, t in self._tensors() if not t.requires_grad]

    def buffers(self) -> list[Tensor]:
        """Return the tensors that require no gradient."""
        return [t for _, t in self.named_buffers()]

    def count_params(self) -> int:
        """Return the number of elements of all parameters and buffers."""
        self._ready(f"{type(self).__name__}.count_params")
        return sum(t.size for _, t in self._tensors())

    # ---- state ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> Arrays:
        """Return copies of the values of all parameters and buffers, by their paths."""
        self._ready(f"{type(self).__name__}.state_dict")
        return {path: t.numpy() for path, t in self._tensors()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike | Tensor], strict: bool = True) -> IncompatibleKeys:
        """Assign the values of all parameters and buffers, or, if anything does not fit, none of them.

        Args:
            state: arrays by path, as `state_dict` returns them.
            strict: whether the paths must be the module's; if not, those that both have are assigned.

        Returns:
            The named tuple (missing_keys, unexpected_keys): lists of paths, empty if strict.

        Raises:
            ValueError: if shapes or dtypes differ, or, if strict, paths; the message lists them all.

        Example:
            >>> from nn import layers
            >>> layers.Dense(2, input_shape=(3,)).load_state_dict({"bias": [1.0, 2.0], "scale": 1.0}, strict=False)
            IncompatibleKeys(missing_keys=['kernel'], unexpected_keys=['scale'])
        """
        self._ready(f"{type(self).__name__}.load_state_dict")
        tensors, carried = carried_in(self, state, strict)
        arrays, others = check_state(f"{self.name}.load_state_dict", tensors, state, strict)
        changes = ag.Changes()  # an interrupt must not leave some of the old and some of the new
        for part, name, held in carried:
            changes.call(setitem, vars(part), name, held)
        for path, values in arrays.items():
            changes.assign(tensors[path], values)
        changes.make()
        return others

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for p in self.parameters():
            p.grad = None

    # ---- freezing and weights ---------------------------------------------------------------------------------------

    @property
    def weights(self) -> list[Tensor]:
        """All parameters and buffers, in Keras's order: that of `layers`, and in each layer the trained ones first.

        Parts that are not built yet, because the shape of their input is not known, have none.
        """
        self._build_known()
        self._name_tree()
        return self._tensors_in_keras_order()

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

        Args:
            weights: arrays in the order of `get_weights`.

        Raises:
            ValueError: if their number, a shape or a dtype differs.
        """
        self._ready(f"{type(self).__name__}.set_weights")
        tensors = self._tensors_in_keras_order()
        if len(weights) != len(tensors):
            raise ValueError(
                f"{self.name}.set_weights: expected {len(tensors)} arrays, in the order of get_weights(); received "
                f"{len(weights)}"
            )
        values = {id(t): a for t, a in zip(tensors, weights, strict=True)}
        self.load_state_dict({path: values.get(id(t), t) for path, t in self._tensors()})

    # ---- looks ------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the text of the module itself in `repr`, in addition to its parts."""
        return ""

    @with_room(levels_of)
    @recursive_repr("...")  # of a part that knows the whole
    def __repr__(self) -> str:
        parts = [
            f"  ({name}): " + repr(member).replace("\n", "\n  ")
            for name, member in self._members()
            if isinstance(member, Module)
        ]
        name, extra = type(self).__name__.lstrip("_"), self.extra_repr()
        if not parts:
            return f"{name}({extra})"
        return "\n".join([f"{name}(", *([f"  {extra}"] if extra else []), *parts, ")"])

    def __getattr__(self, attribute: str) -> Any:
        # Called for missing attributes only. One that the class annotates is made by `build`.
        if attribute in FURTHER:
            return getattr(self, FURTHER[attribute])
        if attribute in ("input", "output") and (symbols := HOOKS.symbols_of(self, attribute)) is not NO_PLACE:
            return symbols
        if attribute == "input_shape":  # no property: a user's class may have its own of this name
            return self._input_shape()
        cls = type(self)
        if (
            not attribute.startswith("__")
            and not self.built
            and any(attribute in vars(base).get("__annotations__", ()) for base in cls.__mro__)
        ):
            shape, lock = self._sample_shape, lock_of(self)
            if shape is not None and not lock._is_owned():  # by this thread, which builds it and looks for attributes
                build_once(self, (None, *shape))
                return getattr(self, attribute)
            raise AttributeError(
                f"{self.name}.{attribute}: expected a built {cls.__name__}; it has no {attribute} yet, because its "
                "input shape is not known. Give input_shape=(...), or call it on a batch first"
            )
        hint = f". {ELSEWHERE[attribute]}" if attribute in ELSEWHERE else ""
        raise AttributeError(f"'{cls.__name__}' object has no attribute '{attribute}'{hint}")


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) or is_duck_array(x)


def _batch_shape(args: tuple[Any, ...], name: str) -> Any:
    """Return the shape of the first argument with an open batch axis; of a list of tensors a tuple of theirs."""
    if args and isinstance(args[0], (list, tuple)) and args[0]:
        return tuple(_batch_shape((part,), name) for part in args[0])
    shape = getattr(args[0], "shape", None) if args else None
    if not shape:
        raise ag.ShapeError(f"{name}: expected a batch, shape (N, ...), as its first argument; received {args!r:.80}")
    return (None, *shape[1:])
