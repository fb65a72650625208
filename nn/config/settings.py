"""What Keras can be told for the whole process, and what of it holds here."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from autograd_lite import fold_tracebacks
from autograd_lite.extend import folds_tracebacks

_FLOATS = ("float32", "float64", "float16")
_ON = {"flash attention": True, "interactive logging": True}


class DTypePolicy:
    """The dtypes of a layer's computations and weights, which are one here.

    Args:
        name: "float32", "float64" or "float16"; policies of two dtypes, and of other numbers, are refused.

    Example:
        >>> DTypePolicy("float32").compute_dtype
        'float32'
    """

    def __init__(self, name: str = "float32") -> None:
        if name not in _FLOATS:
            raise ValueError(
                f"DTypePolicy: expected name to be one of {', '.join(_FLOATS)}; received name={name!r:.80}. A layer "
                "computes in the dtype of its weights"
            )
        self.name = name

    compute_dtype = variable_dtype = property(lambda self: self.name, doc="The dtype's name.")
    quantization_mode = None

    def get_config(self) -> dict[str, str]:
        """Return the constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, str]) -> DTypePolicy:
        """Return the policy that `get_config` described.

        Args:
            config: result of `get_config`.
        """
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


# A dtype, the policy or a configuration of one that Keras's programs pass, or None.
DTypeLike = npt.DTypeLike | DTypePolicy | dict[str, Any] | None


def dtype_of(value: Any) -> Any:
    """Return the dtype that a policy stands for, or the name or configuration of one; anything else as it is.

    Raises:
        ValueError: for an unknown policy.

    Example:
        >>> dtype_of({"class_name": "DTypePolicy", "config": {"name": "float64"}})
        'float64'
    """
    if isinstance(value, dict) and value.get("class_name") == "DTypePolicy":
        value = DTypePolicy.from_config(value["config"])
    elif isinstance(value, str) and value.startswith(("mixed_", "bfloat16")):
        value = DTypePolicy(value)
    return value.name if isinstance(value, DTypePolicy) else value


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that have no dtype of their own.

    Example:
        >>> dtype_policy().name
        'float32'
    """
    return DTypePolicy()


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Accept "float32".

    Args:
        policy: "float32", or the DTypePolicy of that name; anything else is refused.

    Example:
        >>> set_dtype_policy("float32")
    """
    name = policy.name if isinstance(policy, DTypePolicy) else policy
    hint = "Give a layer its own dtype, such as Dense(8, dtype='float64')"
    _only("set_dtype_policy", "policy", "float32", name, hint)


def floatx() -> str:
    """Return the dtype of layers that have none of their own.

    Example:
        >>> floatx()
        'float32'
    """
    return "float32"


def set_floatx(value: str) -> None:
    """Accept "float32".

    Args:
        value: "float32"; anything else is refused.

    Example:
        >>> set_floatx("float32")
    """
    _only("set_floatx", "value", floatx(), value, "Give a layer its own dtype, such as Dense(8, dtype='float64')")


def epsilon() -> float:
    """Return the small number by which losses and metrics avoid a division by 0.

    Example:
        >>> epsilon()
        1e-07
    """
    return 1e-7


def set_epsilon(value: float) -> None:
    """Accept 1e-7.

    Args:
        value: 1e-7; anything else is refused.

    Example:
        >>> set_epsilon(1e-7)
    """
    _only("set_epsilon", "value", epsilon(), value, "Optimizers and normalizations take epsilon= of their own")


def image_data_format() -> str:
    """Return the order of axes of layers that have no data_format of their own.

    Example:
        >>> image_data_format()
        'channels_last'
    """
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accept "channels_last".

    Args:
        data_format: "channels_last", the order (N, height, width, channels); anything else is refused.

    Example:
        >>> set_image_data_format("channels_last")
    """
    hint = "Give layers data_format='channels_first'"
    _only("set_image_data_format", "data_format", image_data_format(), data_format, hint)


def backend() -> str:
    """Return what computes: "numpy".

    Example:
        >>> backend()
        'numpy'
    """
    return "numpy"


def set_backend(backend: str) -> None:
    """Accept "numpy".

    Args:
        backend: "numpy"; anything else is refused.

    Example:
        >>> set_backend(backend())
    """
    _only("set_backend", "backend", "numpy", backend, "Everything is computed with NumPy")


def max_epochs() -> int | None:
    """Return the most epochs that `fit` does: None, as many as it is told.

    Example:
        >>> max_epochs()
    """
    return None


def set_max_epochs(max_epochs: int | None) -> None:
    """Accept None.

    Args:
        max_epochs: None, for as many epochs as `fit` is told; anything else is refused.

    Example:
        >>> set_max_epochs(None)
    """
    _only("set_max_epochs", "max_epochs", None, max_epochs, "Pass epochs= to fit")


def max_steps_per_epoch() -> int | None:
    """Return the most batches of an epoch: None, as many as `fit` is told.

    Example:
        >>> max_steps_per_epoch()
    """
    return None


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Accept None.

    Args:
        max_steps_per_epoch: None, for as many batches as `fit` is told; anything else is refused.

    Example:
        >>> set_max_steps_per_epoch(None)
    """
    hint = "Pass steps_per_epoch= to fit"
    _only("set_max_steps_per_epoch", "max_steps_per_epoch", None, max_steps_per_epoch, hint)


def is_nnx_enabled() -> bool:
    """Return False: nnx is a part of JAX's ecosystem.

    Example:
        >>> is_nnx_enabled()
        False
    """
    return False


def enable_flash_attention() -> None:
    """Note the wish; there is one implementation of attention, so it changes nothing.

    Example:
        >>> enable_flash_attention()
    """
    _ON["flash attention"] = True


def disable_flash_attention() -> None:
    """Note the wish; it changes nothing.

    Example:
        >>> disable_flash_attention()
        >>> is_flash_attention_enabled()
        False
    """
    _ON["flash attention"] = False


def is_flash_attention_enabled() -> bool:
    """Return the last wish.

    Example:
        >>> is_flash_attention_enabled()
        True
    """
    return _ON["flash attention"]


def enable_interactive_logging() -> None:
    """Note the wish; `verbose` and the kind of the terminal decide, so it changes nothing.

    Example:
        >>> enable_interactive_logging()
        >>> is_interactive_logging_enabled()
        True
    """
    _ON["interactive logging"] = True


def disable_interactive_logging() -> None:
    """Note the wish; it changes nothing. Pass verbose=2 for a line an epoch.

    Example:
        >>> disable_interactive_logging()
        >>> is_interactive_logging_enabled()
        False
        >>> enable_interactive_logging()
    """
    _ON["interactive logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Return the last wish.

    Example:
        >>> is_interactive_logging_enabled()
        True
    """
    return _ON["interactive logging"]


def enable_traceback_filtering() -> None:
    """Leave our frames but the last out of the tracebacks of errors, as is the default.

    Example:
        >>> enable_traceback_filtering()
    """
    fold_tracebacks(True)


def disable_traceback_filtering() -> None:
    """Show all frames in the tracebacks of errors.

    Example:
        >>> disable_traceback_filtering()
        >>> is_traceback_filtering_enabled()
        False
        >>> enable_traceback_filtering()
    """
    fold_tracebacks(False)


def is_traceback_filtering_enabled() -> bool:
    """Return the last wish.

    Example:
        >>> is_traceback_filtering_enabled()
        True
    """
    return folds_tracebacks()


def _only(called: str, argument: str, accepted: Any, received: Any, hint: str) -> None:
    """Raise unless the argument has the one value that holds here."""
    if received != accepted:
        raise ValueError(f"{called}: expected {argument}={accepted!r}; received {argument}={received!r:.80}. {hint}")
