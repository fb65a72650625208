"""Collects guards on everything that Python code reads while a function is traced, so that no replay is stale.

A replay runs no Python. So everything that Python code outside of NumPy, SciPy and this project reads when the function
runs must be unchanged: numbers and texts by value, functions by their code and defaults, objects by the attributes that
the code names, containers by their items, arrays by their elements. `GuardCollector` follows the code from the function
on, through every function that it can reach by name (`core/bytecode` lists the reads of one code object), and makes a
row of `guards` of everything on the way.

An array that only operations on Tensors read is read anew at every replay, and needs no guard. Whether it is one shows
after the run: each place where code reads the array must be one where an operation took it (`CapturedArrays`).

State that cannot be guarded (a clock, a file, a generator of random numbers, an iterator) is a reason why the function
is not replayed.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
from abc import ABCMeta, get_cache_token
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any
from weakref import ref

import numpy as np

from ..core.bytecode import Step, Use, codes_in, uses_in
from ..core.duck_arrays import is_duck_array, is_sparse
from ..core.host_state import callback
from ..ir.captured_arrays import CapturedArrays, owner_of
from ..ir.observing import assume, debug_print, observe
from ..tensors.tensor import Tensor
from .executed_lines import Line, Ran
from .guards import MISSING, Guard, cell_content, class_item, content_of, guard_on_array, item_of, items_of, parts_of
from .object_guards import PLAIN, UNREAD, is_counter, visit_all, visit_library_object, visit_own_object, visit_sparse
from .origins import has_attributes, is_library, is_library_code, is_ours, names_of, own_attributes, package_of
from .read_arrays import LARGE, ReadArrays, place_of
from .stateful_objects import is_opaque, looks_at_files, state_of

_CONTAINERS = (list, tuple, dict, set, frozenset, deque, types.MappingProxyType, bytearray)
_WRITES = frozenset(("append", "extend", "add", "insert", "appendleft", "extendleft", "clear"))
_OF_ARRAYS = frozenset(("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "flags"))
_VIEWS = frozenset(("T", "mT", "real", "imag"))
# These ask nothing about the elements of an argument.
_SHAPE_FUNCTIONS = (len, isinstance, type, id, callable, np.shape, np.ndim, np.size, issubclass)
# Functions that read attributes by names which the code need not have.
_BY_NAME = (getattr, hasattr, vars, dir)
# The methods of classes of the user's that this project calls, of layers, losses and the like.
_ENTRIES = frozenset(("__call__", "call", "forward", "rule", "result", "update_state", "get_losses", "add_loss")) | (
    frozenset(("compute_loss", "compute_metrics", "compute_mask", "train_step", "test_step", "predict_step"))
)
_MOST, _MOST_STEPS = 200, 3000  # functions of other installed packages that are followed, and steps in them
_MOST_OF_ALL = 30_000  # steps, which take a second
# What these are given runs at every replay, and not when the function is traced.
_AT_REPLAYS = (observe, assume, debug_print, callback)


class GuardCollector:
    """Collects the guards of one run of a function.

    Args:
        f: the function.
        objects: its arguments that are not arrays, and what else it is sure to read.

    Attributes:
        rows: the guards, without those on elements of arrays.
        codes: that are followed.
        by_name: whether code reads attributes by names that it computes.
        is_partial: whether there is too much code of other packages to follow all of it.
        suspects: uses of state that cannot be compared, if they run, each with the reason.
    """

    def __init__(self, f: Any, objects: Iterable[Any] = ()) -> None:
        self.suspects: list[tuple[Use | None, str]] = []
        self.codes: set[types.CodeType] = set()
        self._use: Use | None = None  # that is followed
        self._rows: dict[Any, Guard] = {}
        # For each object or code followed, the ids of objects and the identities of rows that were reached through it.
        self._parent: Any = None
        self._children: dict[Any, set[Any]] = {}
        self._arrays = ReadArrays()
        self._functions: list[types.FunctionType] = []
        self._visited: set[int] = set()  # ids
        self._alive: list[Any] = []  # so that these ids stay theirs
        self._subjects: list[Any] = []  # objects that code may be given, of which it reads attributes by name
        self._reads: dict[str, list[tuple[Use, types.FunctionType]]] = {}  # of attributes, of what may be any of these
        self._options: set[str] = set()  # those of them that code asks for, whether they are there or not
        self._entries: dict[types.CodeType, Use | None] = {}  # of code of other packages: what leads to it
        self._own_package = ""
        self._n_functions = self._n_reads = 0  # of other packages; of attributes
        self._n_steps = [0, 0]  # in functions of other packages, and all
        self.is_partial = False
        self.by_name = False
        self.visit(f, "")
        for x in objects:
            self.visit(x, "an argument")
        self._follow_all()

    @property
    def rows(self) -> list[Guard]:
        """The guards, without those on elements of arrays."""
        return list(self._rows.values())

    # ---- after the run ----------------------------------------------------------------------------------------------

    def lines(self) -> set[Line]:
        """Return the lines of the suspects."""
        return {(use.code, use.line) for use, _ in self.suspects if use}

    def rows_of(self, ran: Ran) -> list[Guard]:
        """Return the guards of the code that has run."""
        reached, stack = set[Any](), [None, *ran.codes]
        while stack:
            one = stack.pop()
            if one not in reached:
                reached.add(one)
                stack += [x for x in self._children.get(one, ()) if x.__class__ is not types.CodeType]
        self._arrays.keep(reached)
        return [row for place, row in self._rows.items() if place in reached]

    def why(self, ran: Ran) -> str:
        """Return why the function cannot be replayed, with the line; or "".

        Args:
            ran: what has run.
        """
        guilty = ((use, why) for use, why in self.suspects if use is None or (use.code, use.line) in ran.lines)
        return next((f"{why} at {place_of(use)}" if use else why for use, why in guilty), "")

    def elements(self, operands: CapturedArrays) -> list[Guard]:
        """Return guards on the elements of arrays that Python code may have read; `why` then has those too large."""
        guards = list(self._arrays.guards(operands, self.codes))
        self.suspects[:0] = [(None, why) for why in self._arrays.large]
        return guards

    # ---- the walk ---------------------------------------------------------------------------------------------------

    def _follow_all(self) -> None:
        """Follow functions, and look up the attributes that they name in the objects that they may be given."""
        done, first, version, sizes = 0, 0, (-1, False), dict[tuple[int, str], int]()
        while True:
            while done < len(self._functions):
                if not (self.is_partial and self._functions[done].__code__ in self._entries):
                    self._follow_function(self._functions[done])
                done += 1
            if version != (self._n_reads, self.by_name):  # then all objects are looked through again
                version, first = (self._n_reads, self.by_name), 0
            if first == len(self._subjects):
                return
            subjects, first = self._subjects[first:], len(self._subjects)
            for x in subjects:
                for name in self._reads.keys() & (names_of(x) | self._options):
                    self._look_up(x, name, sizes)
                if self.by_name and (id(x), "") not in sizes:
                    sizes[id(x), ""] = 0
                    self._parent = id(x)
                    visit_all(self, x)
                if self._n_steps[1] > _MOST_OF_ALL:
                    self.suspects.append((None, "it reaches more objects than can be looked through"))
                    return

    def _look_up(self, x: Any, name: str, sizes: dict[tuple[int, str], int]) -> None:
        """Look up an attribute for each place where code names it.

        Args:
            x: an object.
            name: of the attribute.
            sizes: the number of places for which that was done before.
        """
        uses = self._reads[name]
        for use, f in uses[sizes.get((id(x), name), 0) :]:
            if not (self.is_partial and use.code in self._entries):
                self._walk(x, use.path, use, f)
        sizes[id(x), name] = len(uses)

    def _follow_function(self, f: types.FunctionType) -> None:
        cells = dict(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
        codes = tuple(codes_in(f.__code__))
        self.codes.update(codes)
        for code in codes:
            for use in uses_in(code):
                self._follow_use(use, f, cells, codes)

    def _follow_use(
        self,
        use: Use,
        f: types.FunctionType,
        cells: Mapping[str, types.CellType],
        codes: tuple[types.CodeType, ...],
    ) -> None:
        root, name, path = use.root, use.name, use.path
        if name.startswith("@"):  # no name of the user's: pytest writes it into assertions
            return
        self._use, self._parent = use, use.code
        if root == "cell" and name in cells:
            value = cell_content(cells[name])
            if path or not is_counter(use, value):
                self.row("cell", cells[name], None, value, name)
        elif root == "global":
            value = f.__globals__.get(name, MISSING)
            if path or not is_counter(use, value):
                self.row("item", f.__globals__, name, value, name)
            if value is MISSING:
                value = vars(_builtins()).get(name, MISSING)
        elif root == "import":
            value = sys.modules.get(name, MISSING)
        else:
            self._read_of_any(path, use, f)
            if name and not (path and path[0].kind == "attribute" and path[0].key in _OF_ARRAYS):
                is_shared = len(codes) > 1 and (root == "cell" or name in use.code.co_cellvars)
                whole = use if all(map(_may_be_view, path)) else use._replace(offsets=(0, 0))
                for code in codes if is_shared else (use.code,):
                    self._arrays.sites.setdefault((code, name), []).append(whole)
            return
        if value is not MISSING:
            self._walk(value, path, use, f)

    def _walk(self, value: Any, path: tuple[Step, ...], use: Use, f: types.FunctionType) -> None:
        """Go from a value along a path, and visit the value at its end."""
        name, self._use, self._parent = use.name, use, use.code
        self._n_steps[0] += use.code in self._entries
        self._n_steps[1] += 1
        for k, step in enumerate(path, 1):
            if k == len(path) and is_counter(use, value, step):
                return
            if step.kind == "some" and value.__class__ in (list, tuple, dict):
                self._some(value, path[k:], use, name)
                self._read_of_any(path[k:], use, f)
                return
            value = (self._part if isinstance(value, np.ndarray) else self._step)(value, step, use, name)
            if value is MISSING:
                self._read_of_any(path[k:], use, f)
                return
            name = f"{name}.{step.key}" if step.kind == "attribute" else f"{name}[{step.key!r}]"
        self._end(value, use, name.lstrip("."))

    def _some(self, x: Any, path: tuple[Step, ...], use: Use, name: str) -> None:
        """Visit a container of which code takes some items, and how it uses those that are arrays."""
        if x.__class__ is not tuple:
            self.contents(x, name)
        for part in content_of(x):
            if not isinstance(part, np.ndarray):
                self.visit(part, f"an item of {name}")
            elif use.taker != "iteration" or path:
                whole = use if all(map(_may_be_view, path)) else use._replace(offsets=(0, 0))
                self._arrays.add(part, f"an item of {name}", whole, self._parent)

    def _read_of_any(self, path: tuple[Step, ...], use: Use, f: types.FunctionType) -> None:
        """Note that code reads an attribute of what may be any of the objects that it has."""
        while path and path[0].kind != "attribute":
            path = path[1:]
        if path:
            if len(path) == 1 and (use.taker == "option" or "AttributeError" in use.code.co_names):
                self._options.add(path[0].key)
            uses = self._reads.setdefault(path[0].key, [])
            if all(other.offsets != use.offsets or other.code is not use.code for other, _ in uses):
                uses.append((use._replace(path=path), f))
                self._n_reads += 1

    def _part(self, a: np.ndarray, step: Step, use: Use, name: str) -> Any:
        """Return a view; note what else a step reads, and return MISSING then."""
        if step.kind == "attribute" and step.key in _OF_ARRAYS:
            self.add(guard_on_array(a))
            return MISSING
        part: Any = MISSING
        if a.__class__ is np.ndarray and step.kind == "some":
            return a  # of which it shows whether an operation has taken a part
        if a.__class__ is np.ndarray and step.kind != "attribute":
            part = item_of(a, step.key)
        elif a.__class__ is np.ndarray and step.key in _VIEWS:
            part = getattr(a, step.key)
        if isinstance(part, np.ndarray) and owner_of(part) is owner_of(a):
            self._alive.append(part)
            return part
        self._arrays.add(a, name, use._replace(offsets=(0, 0)), self._parent)
        return MISSING

    def _step(self, x: Any, step: Step, use: Use, name: str) -> Any:
        """Return the value at the end of one step, or MISSING, and guard the step."""
        if step.kind != "attribute":
            if isinstance(x, (dict, list, tuple)) and step.kind == "item":
                if x.__class__ not in (dict, list, tuple):
                    self.visit(x, name, use)
                    return MISSING
                value = item_of(x, step.key)
                if x.__class__ is not tuple:
                    self.row("item", x, step.key, value, f"{name}[{step.key!r}]")
                return value
            self.visit(x, name, use)
            return MISSING
        key = str(step.key)
        if isinstance(x, types.ModuleType):
            value = vars(x).get(key, MISSING)
            if not is_library(x.__name__):
                self.row("item", vars(x), key, value, f"{x.__name__}.{key}")
            return getattr(x, key, MISSING) if value is MISSING else value
        if isinstance(x, (Tensor, *PLAIN)):
            return MISSING
        if isinstance(x, _CONTAINERS) and not has_attributes(x):
            if key not in _WRITES:
                self.visit(x, name, use)
            return MISSING
        if isinstance(x, ContextVar):
            self.row("result", _context_value, (x,), _context_value(x), name)
            return _context_value(x)
        if isinstance(x, threading.local):
            self.row("result", getattr, (x, key, MISSING), getattr(x, key, MISSING), f"{name}.{key}")
            return getattr(x, key, MISSING)
        return self._attribute(x, key, use, name)

    def _attribute(self, x: Any, key: str, use: Use, name: str) -> Any:
        """Return an attribute of an object or a class, without running code of its."""
        if key in ("T", "dot") and is_sparse(x):
            return x  # of which it shows whether an operation has taken its arrays
        if isinstance(x, type):
            value = class_item(x, key)
            self.visit(x, name)
            if not is_library(x.__module__):
                self.row("class item", x, key, value, f"{x.__name__}.{key}")
            if value is MISSING and not is_library(type(x).__module__):
                value = class_item(type(x), key)
                self.row("class item", type(x), key, value, f"{x.__name__}.{key}")
            return getattr(value, "__func__", value)
        if why := state_of(x) or ("it looks at files" if looks_at_files(x, key) else ""):
            self.refuse(why, use, name)
            return MISSING
        kind, attributes = type(x), own_attributes(x)
        self.visit(x, name)
        in_class = class_item(kind, key)
        label = f"{name.rpartition('.')[2] or kind.__name__}.{key}"
        if in_class is not MISSING and not is_library(kind.__module__):
            self.row("class item", kind, key, in_class, label)
            self.row("result", type, (x,), kind, f"the class of {name}")
            for base in kind.__mro__[1:]:  # which `super` may mean
                if key in vars(base) and not is_library(base.__module__):
                    self.row("class item", base, key, vars(base)[key], label)
                    self.visit(getattr(vars(base)[key], "__func__", vars(base)[key]), label)
        if isinstance(in_class, property):
            self.visit(in_class.fget, label)
            return MISSING
        if isinstance(in_class, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            value = getattr(x, key, MISSING)
            if not is_library(kind.__module__) or isinstance(value, PLAIN):
                self.row("result", getattr, (x, key, MISSING), value, label)
            return value
        is_users = isinstance(x, types.FunctionType) or not is_library(kind.__module__)
        if attributes is not None and (key in attributes or is_users):
            self.row("item", attributes, key, attributes.get(key, MISSING), label)
            if key in attributes:
                return attributes[key]
        if isinstance(in_class, functools.cached_property):
            self.visit(in_class.func, label)
            return MISSING
        if isinstance(in_class, functools.partialmethod):
            self._partial(in_class, label)
            return MISSING
        if in_class is MISSING and not is_library(kind.__module__):
            self.row("class item", kind, key, MISSING, label)
        return getattr(in_class, "__func__", in_class)

    def _end(self, x: Any, use: Use, name: str) -> None:
        """Look at what code has read, by what takes it."""
        if use.taker in ("is", "target", "nothing"):
            return
        if isinstance(x, np.ndarray):
            if use.taker == "iteration" or (
                use.taker == "argument" and any(self._callee(use) is f for f in _SHAPE_FUNCTIONS)
            ):
                self.add(guard_on_array(x))
            else:
                self._arrays.add(x, name, use, self._parent)
            return
        if is_sparse(x):
            for part, label in visit_sparse(self, x, name):
                self._arrays.add(part, label, use, self._parent)
            return
        if use.taker != "option" and any(x is f for f in _BY_NAME):
            self.by_name = True
        is_written = use.taker in ("write", "update")
        if not is_written and (use.taker != "argument" or not any(self._callee(use) is f for f in _AT_REPLAYS)):
            self.visit(x, name, use)

    def _callee(self, use: Use) -> Any:
        """Return the function that a value is passed to, if it is one of Python's, NumPy's or this project's."""
        f = use.other
        if f is None or f.root != "global" or len(f.path) > 1:
            return MISSING
        if not f.path:
            return vars(_builtins()).get(f.name, MISSING)
        module = {"np": np, "numpy": np}.get(f.name) or sys.modules.get("autograd_lite")
        return getattr(module, str(f.path[0].key), MISSING)

    # ---- what there is ----------------------------------------------------------------------------------------------

    def visit(self, x: Any, name: str, use: Use | None = None) -> None:
        """Note what may be read of a value that code has, whatever it does with it."""
        if isinstance(x, UNREAD) or is_duck_array(x):
            return
        if isinstance(x, np.ndarray):
            self._arrays.add(x, name, use and use._replace(offsets=(0, 0)), self._parent)
            return
        if id(x) not in self._visited and (why := state_of(x)):
            self.refuse(why, use, name)
            return
        if not self.is_new(x):
            return
        around, self._parent = self._parent, id(x)
        next((visit for kinds, visit in _VISITORS if isinstance(x, kinds)), GuardCollector._object)(self, x, name)
        self._parent = around

    def is_new(self, x: Any) -> bool:
        """Return whether a value is visited for the first time; note the object that led to it."""
        self._children.setdefault(self._parent, set()).add(id(x))
        is_new = id(x) not in self._visited
        self._visited.add(id(x))
        self._alive.append(x)
        return is_new

    def _function(self, f: types.FunctionType, name: str) -> None:
        self.visit(getattr(f, "__wrapped__", None), name)
        if is_library_code(f.__code__):
            for cell in f.__closure__ or ():
                self.visit(cell_content(cell), name)
            return
        if (package := package_of(f.__code__)) and package != self._own_package:
            if not self._functions:
                self._own_package = package
            elif not self._follows(f, package):
                return
        self.add(Guard("function", f, None, parts_of(f), f"the code of {f.__name__} is as it was"))
        self._functions.append(f)
        self._subjects.append(f)
        self._parent = f.__code__
        code, defaults, keywords = f.__code__, f.__defaults__ or (), f.__kwdefaults__ or {}
        names = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
        for variable, value in (*zip(names, defaults, strict=True), *keywords.items()):
            self._variable(code, variable, value, f"the default {variable} of {f.__name__}")
        if keywords:
            self.contents(keywords, f"the defaults of {f.__name__}")

    def _follows(self, f: types.FunctionType, package: str) -> bool:
        """Return whether a function of another package is followed; if not, what leads to it is a suspect."""
        entry = self._entries.get(self._use.code, self._use) if self._use else None
        self._entries.update(dict.fromkeys(codes_in(f.__code__), entry))
        self._n_functions += 1
        if self._n_functions > _MOST or self._n_steps[0] > _MOST_STEPS:
            self.is_partial = True
            self.suspects.append((entry, f"it runs code of {package}, which is more than can be looked through,"))
        return not self.is_partial

    def _method(self, x: types.MethodType, name: str) -> None:
        self.visit(x.__self__, name)
        self.visit(x.__func__, name)

    def _partial(self, x: functools.partial[Any] | functools.partialmethod[Any], name: str) -> None:
        self.visit(x.func, name)
        code = getattr(x.func, "__code__", None)
        names = code.co_varnames[: code.co_argcount] if code else ()
        for variable, value in (*zip(names, x.args, strict=False), *x.keywords.items()):
            if code is None:
                break
            self._variable(code, variable, value, variable)
        for part in x.args[len(names) :] if code else (*x.args, *x.keywords.values()):
            self.visit(part, name)
        self.contents(x.keywords, name)

    def _variable(self, code: types.CodeType, variable: str, value: Any, name: str) -> None:
        """Look at what a variable of a function has when the function begins."""
        if isinstance(value, np.ndarray):
            use = Use(code, "local", variable, (), "store", (0, 0), code.co_firstlineno, variable)
            self._arrays.add(value, name, use, self._parent)
        else:
            self.visit(value, name)

    def _container(self, x: Any, name: str) -> None:
        if sys.getsizeof(x) > LARGE:
            self.refuse(
                f"it reads a container of more than {LARGE >> 10} kB, whose values are not compared", None, name
            )
            return
        if isinstance(x, (types.MappingProxyType, OrderedDict)):
            self.add(Guard("result", items_of, (x,), items_of(x), f"{name} has the same in it, in the same order"))
        elif not isinstance(x, (tuple, frozenset)):
            self.contents(x, name)
        for part in items_of(x) if isinstance(x, types.MappingProxyType) else content_of(x):
            self.visit(part, f"an item of {name}" if name else "an item")
        if has_attributes(x):
            self._object(x, name)

    def contents(self, x: Any, name: str) -> None:
        """Note that a container has the same in it."""
        self.add(Guard("contents", x, None, content_of(x), f"{name or 'a container'} has the same in it"))

    def _class(self, x: type, name: str) -> None:
        if is_library(x.__module__):
            return
        self._subjects.append(x)
        if isinstance(x, ABCMeta):
            self.add(Guard("result", get_cache_token, (), get_cache_token(), f"{x.__name__} has the same subclasses"))
        for base in x.__mro__:
            if not is_library(base.__module__):
                self.methods(base, name, lambda key: key.startswith("__") or key == "_replace")

    def methods(self, kind: type, name: str, is_meant: Callable[[str], bool]) -> None:
        """Guard the methods of a class that are meant, by their names, and follow them."""
        for key, value in list(vars(kind).items()):
            f = getattr(value, "__func__", value)
            if is_meant(key) and isinstance(f, types.FunctionType) and key != "__repr__":
                self.row("class item", kind, key, value, f"{kind.__name__}.{key}")
                self.visit(f, name)

    def _object(self, x: Any, name: str) -> None:
        """Visit an instance: of this project, for the user's objects in it; of others, by the attributes named."""
        kind = type(x)
        if is_ours(kind.__module__):
            visit_own_object(self, x, name)
            return
        if is_library(kind.__module__):
            visit_library_object(self, x, name)
            return
        if is_opaque(x):
            self.refuse(f"it reads an object of {kind.__module__}.{kind.__name__}, which is not compared", None, name)
            return
        self.visit(kind, name)
        self._subjects.append(x)
        if any(is_ours(base.__module__) for base in kind.__mro__):
            for base in kind.__mro__:
                if not is_library(base.__module__):
                    self.methods(base, name, lambda key: key in _ENTRIES)
            visit_own_object(self, x, name)

    def _module(self, x: types.ModuleType, name: str) -> None:
        if not is_library(x.__name__):
            self._subjects.append(x)

    def _builtin(self, x: types.BuiltinFunctionType, name: str) -> None:
        """Look at what a method of a container or a variable of a context is bound to."""
        owner = getattr(x, "__self__", None)
        if isinstance(owner, ContextVar):
            self.row("result", _context_value, (owner,), _context_value(owner), name)
        elif isinstance(owner, _CONTAINERS) and x.__name__ not in _WRITES:
            self.visit(owner, name)

    def _reference(self, x: ref[Any], name: str) -> None:
        self.visit(x(), name)

    # ---- rows -------------------------------------------------------------------------------------------------------

    def row(self, kind: str, owner: Any, key: Any, value: Any, name: str) -> None:
        """Guard a value."""
        if kind == "result" and isinstance(value, types.MethodType):
            return  # a new object each time
        self.add(Guard(kind, owner, key, value, f"{name} is as it was"))

    def add(self, row: Guard) -> None:
        """Add a guard, once."""
        of: Any = row.key if row.key.__class__ in (str, int, tuple) else None
        place = (row.kind, id(row.owner), repr(of) if row.kind != "result" else (of and id(of[0]), of and of[1:2]))
        self._rows.setdefault(place, row)
        self._children.setdefault(self._parent, set()).add(place)

    def refuse(self, why: str, use: Use | None, name: str) -> None:
        """Note that something cannot be compared."""
        self.suspects.append((use or self._use, f"{why}{f', {name!r},' if name else ''}"))


def _may_be_view(step: Step) -> bool:
    return step.kind != "attribute" or step.key in _VIEWS


def _builtins() -> types.ModuleType:
    return sys.modules["builtins"]


def _context_value(variable: ContextVar[Any]) -> Any:
    return variable.get(MISSING)


# How values are visited, by their classes; the first row that matches counts.
_VISITORS: tuple[tuple[Any, Callable[[GuardCollector, Any, str], None]], ...] = (
    (types.FunctionType, GuardCollector._function),
    (types.MethodType, GuardCollector._method),
    (functools.partial, GuardCollector._partial),
    (_CONTAINERS, GuardCollector._container),
    (type, GuardCollector._class),
    (types.ModuleType, GuardCollector._module),
    (ref, GuardCollector._reference),
    (types.BuiltinFunctionType, GuardCollector._builtin),
    ((types.MethodDescriptorType, types.MethodWrapperType, np.ufunc, property), lambda *_: None),
)
