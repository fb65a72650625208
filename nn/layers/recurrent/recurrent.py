"""Recurrent layers: RNN, which runs a cell over time, and SimpleRNN, GRU, LSTM.

Shape letters: N batch, T time, D features of the input, H units. Arguments that all of them have:

    return_sequences: whether to return the outputs of all steps, (N, T, H), or the last alone, (N, H).
    return_state: whether to return a list: the outputs, then the last states.
    go_backwards: whether to read the sequence from its end; outputs come in the order in which they are computed.
    stateful: whether a batch starts from the states where the batch before ended; `reset_states` starts anew.
    zero_output_for_mask: whether outputs of masked steps are 0 instead of the output before.
    kwargs: `input_shape`, `name`, `dtype`.

The other arguments of SimpleRNN, GRU and LSTM are those of their cells, see `cells`; the weights are the
cell's: `layer.cell.kernel` and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar
from typing import Any, ClassVar, Unpack

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ... import activations
from ...config.arguments import Seed, argument_error, as_seed, flag, number, positive
from ...config.fields import Accessor, Field, field, fields_of
from ...config.limits import STEP, room
from ...module.module import Shape
from ..layer import Function, Layer, LayerOptions, Rule
from .cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell


def _cells(owner: Any, name: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise argument_error(TypeError, owner, name, "a list of cells", value)
    if not value:
        raise argument_error(ValueError, owner, name, "a list of cells", value)
    return [_check_cell("StackedRNNCells", cell) for cell in value]


class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next.

    Args:
        cells: list of cells.

    The states are one flat list, the first cell's states first.

    Example:
        >>> from nn.layers import LSTMCell
        >>> layer = RNN(StackedRNNCells([LSTMCell(4), LSTMCell(3)]))
        >>> layer(np.ones((2, 5, 1))).shape, layer.cell.state_size
        ((2, 3), [4, 4, 3, 3])
    """

    cells: Sequence[Any] = field(_cells)

    @property
    def state_size(self) -> list[int]:
        """The lengths of all states, the first cell's first."""
        return [n for cell in self.cells for n in _sizes(cell)]

    @property
    def output_size(self) -> int:
        """The length of the last cell's output."""
        return _output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        """Build the cells, each for the output of the one before."""
        for cell in self.cells:
            if not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """Return the initial states of all cells."""
        return [s for cell in self.cells for s in _initial_state(cell, batch_size, self.dtype)]

    def call(self, x: Tensor, states: Any = None, training: bool | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return the last cell's output and the list of all new states."""
        states = self.get_initial_state(x.shape[0]) if states is None else list(states)
        training = self.training if training is None else training
        new: list[Tensor] = []
        for cell in self.cells:
            cell_states, states = states[: len(_sizes(cell))], states[len(_sizes(cell)) :]
            x, cell_states = _step(cell, x, cell_states, training)
            new += cell_states
        return x, new

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return the shapes of the output and of the states."""
        return [(input_shape[0], n) for n in (self.output_size, *self.state_size)]


class RNN(Layer):
    """Runs a cell over the time axis.

    Args:
        cell: a cell of this module, or any module with `state_size`, a number or a list of them, whose
            `call(x, states)` returns the output (N, H) and the list of new states; a list of cells is stacked.
        return_sequences, return_state, go_backwards, stateful, zero_output_for_mask, kwargs: see the module.

    Call it on x of shape (N, T, D), with

        initial_state: list of the states, (N, H) each; zeros by default.
        mask: booleans of shape (N, T); where it is False, the states stay and the output is the one before.

    Raises:
        ShapeError: when x, the mask or the states have other shapes.

    Example:
        >>> layer = RNN(LSTMCell(4), return_sequences=True, return_state=True)
        >>> out, h, c = layer(np.ones((2, 5, 3)))
        >>> out.shape, h.shape, bool((out[:, -1] == h).all())
        ((2, 5, 4), (2, 4), True)
    """

    return_sequences = False
    return_state = False
    go_backwards = False
    stateful = False
    zero_output_for_mask = False
    without_effect = frozenset({"unroll"})
    _makes_masks = False

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=self.dtype)
        self.cell = _check_cell(type(self).__name__, cell)
        self._set_flags(return_sequences, return_state, go_backwards, stateful, zero_output_for_mask)

    def _set_flags(self, *flags: bool) -> None:
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
        for name, value in zip(names, flags, strict=True):
            setattr(self, name, flag(self, name, value))
        self.states: list[Tensor] | None = None

    def build(self, input_shape: Shape) -> None:
        """Build the cell."""
        if len(input_shape) < 3:
            raise self._misfit(input_shape)
        if not self.cell.built:
            self.cell.build((input_shape[0], *input_shape[2:]))

    def reset_state(self) -> None:
        """Do what `reset_states` does: Keras has both names."""
        self.reset_states()

    def reset_states(self) -> None:
        """Let the next batch start from zeros, and have any size."""
        self.states = None

    def _carries(self) -> tuple[str, ...]:
        return ("states",) if self.stateful else ()

    def call(
        self,
        x: Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Return the outputs (N, T, H) or (N, H), and with `return_state` the states behind it, as a list."""
        if len(x.shape) < 3 or not x.shape[1]:
            raise self._misfit(x.shape)
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        training = self.training if training is None else training
        states = self._first_states(x, initial_state)
        keep = None if mask is None else self._check_mask(mask, x.shape)
        if self.go_backwards:
            x, keep = x[:, ::-1], None if keep is None else keep[:, ::-1]
        out, states = self._run(x, states, keep, training)
        if self.stateful:
            self._remember(states)
        return [out, *states] if self.return_state else out

    # ---- running ----------------------------------------------------------------------------------------------------

    def _run(self, x: Tensor, states: list[Any] | None, mask: Any, training: bool) -> tuple[Tensor, list[Any]]:
        """Return the output or outputs, and the last states, of steps taken one after the other."""
        cell: Any = self.cell
        states = _initial_state(cell, x.shape[0], x.dtype) if states is None else states
        drop = None
        whole = isinstance(cell, RecurrentCell)
        if whole:
            x, drop = self._project(x, training)
        outputs: list[Any] = []
        for t in range(x.shape[1]):
            out, new = cell.step(x[:, t], states, drop) if whole else _step(cell, x[:, t], states, training)
            if mask is not None:
                valid = mask[:, t, None]
                new = [np.where(valid, a, b) for a, b in zip(new, states, strict=True)]
                before = outputs[-1] if outputs and not self.zero_output_for_mask else 0
                out = np.where(valid, out, before).astype(out.dtype)
            states = new
            outputs.append(out)
        if self.return_sequences:
            return np.stack(outputs, axis=1), states  # type: ignore[return-value]
        return outputs[-1], states

    def _project(self, x: Tensor, training: bool) -> tuple[Tensor, Any]:
        """Return the input's share of the gates at all steps, and the mask for h."""
        x, drop = self._drop_features(x, training)
        return self.cell.project(x), drop

    def _drop_features(self, x: Tensor, training: bool) -> tuple[Tensor, Any]:
        """Return the input with features dropped, and the mask for h."""
        from_input, drop = self.cell.draw_masks(x, training)
        return (x if from_input is None else x * from_input[:, None]), drop

    # ---- states -----------------------------------------------------------------------------------------------------

    def _first_states(self, x: Tensor, initial: Any) -> list[Any] | None:
        """Return the states to start from, None for the cell's own."""
        rows = x.shape[0]
        if initial is None and self.states is not None:
            initial = [s.detach() for s in self.states]
            if initial[0].shape[0] != rows:
                raise ag.ShapeError(
                    f"{self._speaker}: expected a batch of "
                    f"{initial[0].shape[0]} sequences, which go on where those of the batch before ended, since it is "
                    f"stateful; received {rows}. Call reset_states() before the size changes"
                )
        if initial is None:
            return None
        states = [self._cast(s) for s in (initial if isinstance(initial, (list, tuple)) else [initial])]
        expected = self._state_shapes(x)
        if [s.shape for s in states] != expected:
            raise ag.ShapeError(
                f"{self._speaker}: expected an initial_state of shapes {expected}; received {[s.shape for s in states]}"
            )
        return states

    def _state_shapes(self, x: Tensor) -> list[tuple[Any, ...]]:
        return [(x.shape[0], n) for n in _sizes(self.cell)]

    @ag.no_grad()
    def _remember(self, states: list[Any]) -> None:
        if self.states is None:
            self.states = [ag.tensor(np.zeros(s.shape, s.dtype)) for s in states]
        for held, s in zip(self.states, states, strict=True):
            held.assign(s.detach())

    # ---- shapes and errors ------------------------------------------------------------------------------------------

    def _check_mask(self, mask: Any, shape: tuple[int, ...]) -> Any:
        mask = mask if isinstance(mask, Tensor) else np.asarray(mask)
        if mask.shape != shape[:2]:
            raise ag.ShapeError(
                f"{self._speaker}: expected a mask of shape {shape[:2]}, one "
                f"boolean for each step of each sequence; received shape {mask.shape}"
            )
        return mask if mask.dtype.kind == "b" else mask != 0

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the outputs of all steps; None for the last output, and for states."""
        return previous_mask if self.return_sequences else None

    def _misfit(self, shape: Shape) -> ag.ShapeError:
        return ag.ShapeError(
            f"{self._speaker}: expected sequences of shape (N, T, D) with "
            f"T > 0; received shape {shape}. One number a step is D = 1: x[..., None]; one sequence is a batch of one: "
            "x[None]; a recurrent layer before this one needs return_sequences=True"
        )

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return (batch, T, H) or (batch, H); with `return_state` a list, the states' shapes behind it."""
        if len(input_shape) < 3:
            raise self._misfit(input_shape)
        rows, steps = input_shape[:2]
        room((steps, STEP))
        width = _output_size(self.cell)
        out = (rows, steps, width) if self.return_sequences else (rows, width)
        return [out, *((rows, n) for n in _sizes(self.cell))] if self.return_state else out

    def extra_repr(self) -> str:
        switches = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
        return ", ".join(f"{name}=True" for name in switches if getattr(self, name))


def _check_cell(layer: str, cell: Any) -> Any:
    if not callable(cell) or not hasattr(cell, "state_size"):
        raise TypeError(
            f"{layer}: expected a cell, a module with `state_size` whose call(x, states) returns the output and the "
            f"new states; received {cell!r}"
        )
    return cell


def _sizes(cell: Any) -> list[int]:
    return list(cell.state_size) if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]


def _output_size(cell: Any) -> int:
    size = getattr(cell, "output_size", None)
    return int(_sizes(cell)[0] if size is None else size)


def _initial_state(cell: Any, rows: int, dtype: Any) -> list[Tensor]:
    if hasattr(cell, "get_initial_state"):
        return list(cell.get_initial_state(rows))
    return [ag.tensor(np.zeros((rows, n), dtype)) for n in _sizes(cell)]


def _step(cell: Any, x: Tensor, states: list[Any], training: bool) -> tuple[Tensor, list[Tensor]]:
    """Call any cell; a state that is not in a list stands for a list of one."""
    takes = getattr(cell, "_takes_training", False)
    out, new = cell(x, states, training=training) if takes else cell(x, states)
    return out, list(new) if isinstance(new, (list, tuple)) else [new]


_OF_KERNELS = frozenset({"unroll", "use_cudnn", "implementation"})


class _OfCell(Accessor):
    """An argument of a recurrent layer that its cell keeps, as an attribute of both."""

    def field_of(self, cls: Any) -> Field:
        """Return the cell's field."""
        return fields_of(cls.makes)[self.name]

    def get(self, owner: RNN) -> Any:
        """Return the cell's value."""
        return getattr(owner.cell, self.name)

    def put(self, owner: RNN, value: Any) -> None:
        """Set the cell's value."""
        setattr(owner.cell, self.name, value)


class MakesCell(RNN):
    """A recurrent layer that makes its cell, of the class `makes`, from its own arguments."""

    makes: ClassVar[Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, argument in fields_of(cls, MakesCell).items():
            if not argument.kept:
                setattr(cls, name, _OfCell(name))

    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        **options: Any,
    ) -> None:
        Layer.__init__(self, **options)
        self._set_flags(return_sequences, return_state, go_backwards, stateful, zero_output_for_mask)

    def __post_init__(self, **arguments: Any) -> None:
        options = {name: value for name, value in arguments.items() if value is not None or name not in _RULES}
        self.cell = self.makes(**options, dtype=vars(self).get("_dtype"))


_RULES = [f"{weight}_{rule}" for weight in ("kernel", "recurrent", "bias") for rule in ("regularizer", "constraint")]


class RuledCell(MakesCell):
    """The same, with the regularizers and constraints of the cell's weights."""

    kernel_regularizer: InitVar[Rule] = field(default=None, kw_only=True)
    recurrent_regularizer: InitVar[Rule] = field(default=None, kw_only=True)
    bias_regularizer: InitVar[Rule] = field(default=None, kw_only=True)
    kernel_constraint: InitVar[Rule] = field(default=None, kw_only=True)
    recurrent_constraint: InitVar[Rule] = field(default=None, kw_only=True)
    bias_constraint: InitVar[Rule] = field(default=None, kw_only=True)


class _OneOp(RuledCell):
    """A layer that runs a whole sequence as one op, where the activations are those of the op.

    Masked steps are left out: the others of each sequence move together, to the front, and what comes out is put back.
    """

    def _usual(self) -> bool:
        """Return whether there is an op for the cell's activations."""
        raise NotImplementedError

    def _at_all_steps(self, z: Tensor, states: list[Any]) -> list[Tensor]:
        """Return the states at all steps, (T, N, H) each, from the input's share (T, N, k H) and the first states."""
        raise NotImplementedError

    def _run(self, x: Tensor, states: list[Any] | None, mask: Any, training: bool) -> tuple[Tensor, list[Any]]:
        cell = self.cell
        if not self._usual() or not x.shape[0] or (training and cell.recurrent_dropout):
            return super()._run(x, states, mask, training)
        x, _ = self._drop_features(x, training)
        x = cell.check_features(x)
        x = x if mask is None else _to_the_front(x, mask)
        rows, steps, features = x.shape
        z = x.transpose(1, 0, 2).reshape(steps * rows, features) @ cell.kernel
        results = self._at_all_steps(z.reshape(steps, rows, cell.kernel.shape[1]), states or [])
        if mask is not None:
            return self._put_back(results, states or [0] * len(results), mask)
        return (results[0].transpose(1, 0, 2) if self.return_sequences else results[0][-1]), [a[-1] for a in results]

    def _put_back(self, results: list[Any], states: list[Any], mask: Any) -> tuple[Tensor, list[Any]]:
        """Return the output and the last states, where masked steps leave a sequence's state unchanged."""
        count = np.cumsum(mask, axis=1).T[..., None]  # of the steps that were taken, (T, N, 1)
        places, begun = np.maximum(count - 1, 0), count > 0
        ends = [np.take_along_axis(a, places[-1:], axis=0)[0] for a in results]
        last = [np.where(begun[-1], a, first) for a, first in zip(ends, states, strict=True)]
        shown, here = mask.T[..., None] if self.zero_output_for_mask else begun, places
        if not self.return_sequences:
            shown, here = shown[-1:], places[-1:]
        out: Any = np.where(shown, np.take_along_axis(results[0], here, axis=0), 0)
        return (out.transpose(1, 0, 2) if self.return_sequences else out[0]), last


def _to_the_front(x: Any, mask: Any) -> Any:
    """Move the steps (N, T, D) that count to the front of each sequence; zeros follow them."""
    order = np.argsort(~mask, axis=1, kind="stable")
    valid = np.take_along_axis(mask, order, axis=1)[..., None]
    return np.where(valid, np.take_along_axis(x, order[..., None], axis=1), 0)


class SimpleRNN(_OneOp):
    """The fully connected recurrent network: h[t] = activation(x[t] W + b + h[t-1] U), see `SimpleRNNCell`.

    Args:
        units: H; for the others see the module `cells`.

    Example:
        >>> SimpleRNN(4)(np.ones((2, 5, 3))).shape
        (2, 4)
    """

    makes = SimpleRNNCell
    units: InitVar[int] = field(positive)
    activation: InitVar[str | Function | None] = field(default="tanh")
    use_bias: InitVar[bool] = field(flag, default=True)
    kernel_initializer: InitVar[str | Function] = field(default="glorot_uniform")
    recurrent_initializer: InitVar[str | Function] = field(default="orthogonal")
    bias_initializer: InitVar[str | Function] = field(default="zeros")
    dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    recurrent_dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    seed: InitVar[Seed] = field(as_seed, default=None)
    return_sequences: bool = field(default=False)
    return_state: bool = field(default=False)
    go_backwards: bool = field(default=False)
    stateful: bool = field(default=False)
    zero_output_for_mask: bool = field(default=False)

    def _usual(self) -> bool:
        return self.cell.activation is activations.tanh or self.cell.activation is activations.relu

    def _at_all_steps(self, z: Tensor, states: list[Any]) -> list[Tensor]:
        cell = self.cell
        name = "tanh" if cell.activation is activations.tanh else "relu"
        return [ag.simple_rnn(z, cell.recurrent_kernel, cell.bias, states[0] if states else None, name)]


class GRU(_OneOp):
    """The gated recurrent unit over time; its formulas are those of `GRUCell`.

    Args:
        units: H; for the others see the module `cells`.
        reset_after: whether the reset gate acts after the product with the recurrent kernel, as in PyTorch and cuDNN.

    Example:
        >>> layer = GRU(4, return_sequences=True)
        >>> layer(np.ones((2, 5, 3))).shape, layer.cell.bias.shape
        ((2, 5, 4), (2, 12))
    """

    makes = GRUCell
    without_effect = _OF_KERNELS

    units: InitVar[int] = field(positive)
    activation: InitVar[str | Function | None] = field(default="tanh")
    recurrent_activation: InitVar[str | Function | None] = field(default="sigmoid")
    use_bias: InitVar[bool] = field(flag, default=True)
    kernel_initializer: InitVar[str | Function] = field(default="glorot_uniform")
    recurrent_initializer: InitVar[str | Function] = field(default="orthogonal")
    bias_initializer: InitVar[str | Function] = field(default="zeros")
    dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    recurrent_dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    seed: InitVar[Seed] = field(as_seed, default=None)
    return_sequences: bool = field(default=False)
    return_state: bool = field(default=False)
    go_backwards: bool = field(default=False)
    stateful: bool = field(default=False)
    zero_output_for_mask: bool = field(default=False)
    reset_after: InitVar[bool] = field(flag, default=True)

    def _usual(self) -> bool:
        return self.cell.activation is activations.tanh and self.cell.recurrent_activation is activations.sigmoid

    def _at_all_steps(self, z: Tensor, states: list[Any]) -> list[Tensor]:
        cell, bias = self.cell, self.cell.bias
        if bias is not None and not cell.reset_after:
            bias = np.stack([bias, np.zeros(bias.shape, bias.dtype)])
        return [ag.gru(z, cell.recurrent_kernel, bias, states[0] if states else None, cell.reset_after)]


class LSTM(_OneOp):
    """The long short-term memory over time; its formulas are those of `LSTMCell`.

    Args:
        units: H; for the others see the module `cells`.
        unit_forget_bias: whether the forget gate's bias starts at 1.

    Example:
        >>> layer = LSTM(4, return_state=True)
        >>> out, h, c = layer(np.ones((2, 5, 3)))
        >>> out.shape, c.shape, [(path, p.shape) for path, p in layer.named_parameters()]
        ((2, 4), (2, 4), [('cell.kernel', (3, 16)), ('cell.recurrent_kernel', (4, 16)), ('cell.bias', (16,))])
    """

    makes = LSTMCell
    without_effect = _OF_KERNELS

    units: InitVar[int] = field(positive)
    activation: InitVar[str | Function | None] = field(default="tanh")
    recurrent_activation: InitVar[str | Function | None] = field(default="sigmoid")
    use_bias: InitVar[bool] = field(flag, default=True)
    kernel_initializer: InitVar[str | Function] = field(default="glorot_uniform")
    recurrent_initializer: InitVar[str | Function] = field(default="orthogonal")
    bias_initializer: InitVar[str | Function] = field(default="zeros")
    unit_forget_bias: InitVar[bool] = field(flag, default=True)
    dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    recurrent_dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    seed: InitVar[Seed] = field(as_seed, default=None)
    return_sequences: bool = field(default=False)
    return_state: bool = field(default=False)
    go_backwards: bool = field(default=False)
    stateful: bool = field(default=False)
    zero_output_for_mask: bool = field(default=False)

    def _usual(self) -> bool:
        return self.cell.activation is activations.tanh and self.cell.recurrent_activation is activations.sigmoid

    def _at_all_steps(self, z: Tensor, states: list[Any]) -> list[Tensor]:
        h, c = ag.lstm(z, self.cell.recurrent_kernel, self.cell.bias, *states)
        return [h, c]
