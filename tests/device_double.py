"""A strict double of an array on a device: what CuPy allows, on a machine without a GPU.

It looks like CuPy's arrays wherever those differ from NumPy's: nothing converts it to NumPy but `get`, reductions and
elements are arrays without axes, there is no `flags.writeable`, arrays of two devices and arrays of NumPy are refused,
functions that CuPy lacks are missing. What CuPy leaves undefined is poisoned, so that no test can rely on it: where an
index names an element twice, item assignment writes NaN. Indices out of bounds wrap around.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["ABSENT", "Device", "DeviceArray", "asarray", "asnumpy", "syncs"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Of the functions that Tensors support, those that CuPy 14 lacks.
ABSENT = _names("""
    block einsum_path geomspace histogram_bin_edges insert matvec nanpercentile nanquantile polyder polydiv
    polyint spacing unstack vecdot vecmat linalg.diagonal linalg.matrix_norm linalg.multi_dot linalg.outer
    linalg.svdvals linalg.tensordot linalg.trace linalg.vecdot linalg.vector_norm
""")
# The ufuncs that have a method in CuPy; the others are refused.
_WITH = {
    "at": _names("add subtract maximum minimum bitwise_and bitwise_or bitwise_xor"),
    "reduce": _names("add multiply"),
    "accumulate": _names("add multiply"),
    "reduceat": _names("add"),
}
# The arguments that CuPy's functions take, of those that take fewer than NumPy's.
_ARGUMENTS = {
    "count_nonzero": "a axis",
    "eye": "N M k dtype order",
    "full": "shape fill_value dtype order",
    "ones": "shape dtype order",
    "isin": "element test_elements assume_unique invert",
    "lexsort": "keys",
    "linalg.cholesky": "a",
    "linalg.matrix_rank": "M tol",
    "linalg.pinv": "a rcond",
    "linalg.svd": "a full_matrices compute_uv",
    "unpackbits": "a axis bitorder",
}
_CREATE = _names("array asarray asanyarray ascontiguousarray asfortranarray")
syncs = SimpleNamespace(count=0)  # how often a value was waited for: float(x), `if x`, x.item(), x.get()


class Device:
    """A device by number; new arrays are made on the one whose `with` block runs."""

    current: list[int] = [0]  # noqa: RUF012

    def __init__(self, id: int) -> None:
        self.id = id

    def __enter__(self) -> Device:
        self.current.append(self.id)
        return self

    def __exit__(self, *_: object) -> None:
        self.current.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Device {self.id}>"


class _Flags:
    """The flags that CuPy has: `writeable` is not among them."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata
        self.forc, self.fnc = flags.forc, flags.fnc


def _bare(x: Any, devices: set[int]) -> Any:
    """Return what a call computes with: the values of arrays of one device, and Python's and NumPy's numbers."""
    if isinstance(x, DeviceArray):
        devices.add(x.device.id)
        if len(devices) > 1:
            raise ValueError(f"arrays of the devices {sorted(devices)} in one call")
        return x._a
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: implicit host-to-device conversion")
    if isinstance(x, (list, tuple)):
        return type(x)(_bare(item, devices) for item in x)
    if isinstance(x, slice):
        return slice(*(_bare(i, devices) for i in (x.start, x.stop, x.step)))
    return x


def _made(x: Any, device: int) -> Any:
    """Return results as arrays of a device; a number is an array without axes."""
    if isinstance(x, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(x), device)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(_made(item, device) for item in x))
    if isinstance(x, (list, tuple)):
        return type(x)(_made(item, device) for item in x)
    return x


def _called(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    devices: set[int] = set()
    args, kwargs = _bare(tuple(args), devices), {name: _bare(x, devices) for name, x in kwargs.items()}
    with np.errstate(all="ignore"):  # a device has no flags of floating-point errors
        return _made(function(*args, **kwargs), next(iter(devices), Device.current[-1]))


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_unknown(name, kwargs)
        return _called(getattr(np.ndarray, name), (self, *args), kwargs)

    return method


def _refuse_unknown(name: str, kwargs: dict[str, Any]) -> None:
    if {"where", "initial"} & set(kwargs):
        raise TypeError(f"{name}() got an unexpected keyword argument among {sorted(kwargs)}")


def _attribute(name: str) -> Any:
    return property(lambda self: _made(getattr(self._a, name), self.device.id))


def _waiting(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    def wait(self: Any, *args: Any) -> Any:
        syncs.count += 1
        return convert(self._a, *args)

    return wait


class DeviceArray(NDArrayOperatorsMixin):
    """An array on a device."""

    __slots__ = ("__weakref__", "_a", "device")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    _a: Any
    device: Device

    def __init__(self, a: np.ndarray, device: int = 0) -> None:
        if a.dtype.kind not in "biufc":
            raise ValueError(f"Unsupported dtype {a.dtype}")
        self._a, self.device = a, Device(device)

    # ---- protocols --------------------------------------------------------------------------------------------------

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        known: Any = getattr(np, name, None) or (None if name in NOT_SPECIAL else _special(name))
        if known is None or name in ABSENT or name not in _WITH.get(method, (name,)):
            return NotImplemented
        operands = inputs if method == "__call__" else (inputs[0], *inputs[2:]) if method == "at" else inputs[:1]
        if not all(_is_handled(x) for x in (*operands, *kwargs.get("out", ()))):
            return NotImplemented
        if name in _COMPARISONS:  # where CuPy makes numbers of NumPy's arrays without axes
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and not x.ndim else x for x in inputs)
        if method == "at":
            array, index, *values = inputs
            inputs = (array, _in_bounds(index, array.shape), *values)
        out = kwargs.get("out")
        result = _called(getattr(known, method), inputs, kwargs)
        return result if out is None else out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
        if name in ABSENT or not all(issubclass(t, (DeviceArray, np.ndarray)) for t in types):
            return NotImplemented
        if name in _CREATE:
            return asarray(*args, copy=True if name == "array" else None, **kwargs)
        _refuse_unknown(name, kwargs)
        if name in _ARGUMENTS and not (len(args) <= len(known := _ARGUMENTS[name].split()) and set(kwargs) <= {*known}):
            raise TypeError(f"{name}() takes {known}; received {len(args)} and {sorted(kwargs)}")
        if name in ("put_along_axis", "copyto", "fill_diagonal", "place", "put", "putmask"):
            raise NotImplementedError(name)
        return _called(function, args, kwargs)

    # ---- what arrays have -------------------------------------------------------------------------------------------

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: _Flags(self._a.flags))
    T = _attribute("T")
    mT = _attribute("mT")
    real = _attribute("real")
    imag = _attribute("imag")
    base = property(lambda self: None if self._a.base is None else self)

    def __getitem__(self, key: Any) -> Any:
        return _called(operator.getitem, (self, _in_bounds(key, self.shape)), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        key = _in_bounds(key, self.shape)
        devices = {self.device.id}
        key, value = _bare(key, devices), _bare(value, devices)
        self._a[key] = value
        if any(isinstance(k, np.ndarray) and k.dtype.kind in "iu" for k in (key if isinstance(key, tuple) else (key,))):
            times = np.zeros(self.shape, int)
            np.add.at(times, key, 1)
            self._a[times > 1] = np.nan if self.dtype.kind in "fc" else np.iinfo(np.int8).min + 1

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self._a)))

    __bool__ = _waiting(bool)
    __float__ = _waiting(float)
    __int__ = _waiting(int)
    __complex__ = _waiting(complex)
    __index__ = _waiting(operator.index)
    item = _waiting(lambda a: a.item())
    tolist = _waiting(lambda a: a.tolist())
    tobytes = _waiting(lambda a: a.tobytes())
    get = _waiting(np.array)

    def __repr__(self) -> str:
        return repr(self._a)


for _name in _names("""
    all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod cumsum
    diagonal dot flatten max mean min nonzero prod ravel repeat reshape round squeeze std sum swapaxes take
    trace transpose var view
"""):
    setattr(DeviceArray, _name, _method(_name))
_COMPARISONS = _names("greater greater_equal less less_equal equal not_equal")
# SciPy's ufuncs that `cupyx.scipy.special` lacks.
NOT_SPECIAL = _names("""
    _riemann_zeta _zeta agm bdtrik bdtrin bei beip ber berp besselpoly betaincc betainccinv btdtria btdtrib
    chdtriv chndtr chndtrinc chndtrix dawsn ellipe elliprc elliprd elliprf elliprg elliprj erfi eval_chebyc
    eval_chebys eval_chebyt eval_chebyu eval_gegenbauer eval_genlaguerre eval_hermite eval_hermitenorm
    eval_jacobi eval_laguerre eval_legendre eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi eval_sh_legendre
    fdtridfd gdtria gdtrib gdtrix hyp0f1 hyp1f1 hyp2f1 hyperu it2struve0 itmodstruve0 itstruve0 iv ive jv jve
    kei keip ker kerp kn kolmogi kolmogorov kv kve log_wright_bessel modstruve nbdtrik nbdtrin ncfdtr ncfdtri
    ndtri_exp nrdtrimn nrdtrisd owens_t pdtrik powm1 spence stdtr stdtridf stdtrit struve tklmbda voigt_profile
    wrightomega yv yve
""")


def _special(name: str) -> Any:
    try:
        from scipy import special
    except ImportError:
        return None
    return getattr(special, name, None)


def _is_handled(x: Any) -> bool:
    return isinstance(x, (DeviceArray, np.ndarray, np.generic, int, float, complex))


def _in_bounds(key: Any, shape: tuple[int, ...]) -> Any:
    """Return an index whose arrays of integers are within bounds: they wrap around."""
    parts = key if isinstance(key, tuple) else (key,)
    used = sum(_axes_of(k) for k in parts)
    axis, found = 0, []
    for k in parts:
        if k is Ellipsis:
            axis += len(shape) - used
        elif isinstance(k, DeviceArray) and k.dtype.kind in "iu" and axis < len(shape) and shape[axis]:
            k = DeviceArray(np.asarray(k._a % shape[axis]), k.device.id)
            axis += 1
        else:
            axis += _axes_of(k)
        found.append(k)
    return tuple(found) if isinstance(key, tuple) else found[0]


def _axes_of(k: Any) -> int:
    if k is None or k is Ellipsis:
        return 0
    return k.ndim if getattr(k, "dtype", None) == np.dtype(bool) else 1


def asarray(a: Any, dtype: Any = None, copy: bool | None = None, **_: Any) -> DeviceArray:
    """Return an array of the current device, as `cupy.asarray` does."""
    if isinstance(a, DeviceArray):
        here = Device.current[-1]
        values = a._a if a.device.id == here and copy is not True else a._a.copy()
        return DeviceArray(values if dtype is None else values.astype(dtype, copy=False), here)
    return DeviceArray(np.array(_bare(a, set()) if isinstance(a, (list, tuple)) else a, dtype), Device.current[-1])


def asnumpy(a: DeviceArray) -> np.ndarray:
    """Return the values on the host, as `cupy.asnumpy` does."""
    result: np.ndarray = a.get()
    return result


def _maker(name: str) -> Callable[..., DeviceArray]:
    return lambda *args, **kwargs: asarray(getattr(np, name)(*args, **kwargs))


zeros, ones, empty, full, arange, eye = map(_maker, ("zeros", "ones", "empty", "full", "arange", "eye"))
