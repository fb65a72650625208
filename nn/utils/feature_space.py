"""`FeatureSpace`: named columns of numbers and texts as one vector a sample, by preprocessing layers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor

from .. import layers
from ..config.arguments import argument_error, checked_here
from ..data.dataset import Dataset
from ..models import Model
from ..module.symbols import Symbol

Data = Mapping[str, Any]


class Feature(NamedTuple):
    """How a column is encoded: its dtype, a layer, and what becomes of the layer's result."""

    dtype: str
    preprocessor: Any
    output_mode: str


class Cross(NamedTuple):
    """Columns whose combinations are hashed into `crossing_dim` bins."""

    feature_names: tuple[str, ...]
    crossing_dim: int
    output_mode: str = "one_hot"

    @property
    def name(self) -> str:
        """The names of the columns, joined."""
        return "_X_".join(self.feature_names)


@checked_here
class FeatureSpace:
    """Encodes a dict of columns as one vector a sample, or as a dict of encoded columns.

    Args:
        features: by name of the column, its kind: "float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the static method of
            that name returns, which takes options.
        output_mode: "concat" for one vector, the columns and then the crosses in alphabetical order; "dict" for a dict.
        crosses: tuples of names of categorical columns whose combinations are a column too, or results of `cross`.
        crossing_dim: bins for each of the crosses that are given as tuples.
        hashing_dim: bins for "integer_hashed" and "string_hashed".
        num_discretization_bins: bins for "float_discretized".
        name: of the space.

    Attributes:
        preprocessors: the layers, by column.
        crossers: the layers of the crosses, by name, such as "a_X_b".

    Raises:
        ValueError: for an unknown word, or a cross of a column that is not there.

    Example:
        >>> space = FeatureSpace({"height": "float_normalized", "color": "string_categorical"})
        >>> table = {"height": [1.0, 3.0], "color": ["red", "blue"]}
        >>> space.adapt(table)
        >>> space(table).tolist()
        [[0.0, 1.0, 0.0, -1.0], [0.0, 0.0, 1.0, 1.0]]
    """

    def __init__(
        self,
        features: Mapping[str, str | Feature],
        output_mode: str = "concat",
        crosses: Iterable[Cross | tuple[str, ...]] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        if not features:
            raise argument_error(ValueError, self, "features", "at least one column", features)
        if output_mode not in ("concat", "dict"):
            raise argument_error(ValueError, self, "output_mode", "'concat' or 'dict'", output_mode)
        self.name, self.output_mode = name or "feature_space", output_mode
        sizes = {"float_discretized": num_discretization_bins} | dict.fromkeys(
            ("integer_hashed", "string_hashed"), hashing_dim
        )
        self.features = {column: self._feature(column, kind, sizes) for column, kind in features.items()}
        self.crosses = [
            cross if isinstance(cross, Cross) else Cross(tuple(cross), crossing_dim) for cross in crosses or ()
        ]
        for cross in self.crosses:
            if unknown := set(cross.feature_names) - set(features):
                raise argument_error(ValueError, self, "crosses", f"names among {sorted(features)}", sorted(unknown))
        self.preprocessors = {column: feature.preprocessor for column, feature in self.features.items()}
        self.crossers = {cross.name: layers.HashedCrossing(cross.crossing_dim) for cross in self.crosses}
        self._adapts = [column for column, layer in self.preprocessors.items() if _adapts(layer)]
        self._adapted = not self._adapts
        self._encoders: dict[str, Any] = {}
        self._symbols: tuple[dict[str, Symbol], Any] | None = None

    def _feature(self, column: str, kind: Any, sizes: Mapping[str, int]) -> Feature:
        if isinstance(kind, Feature):
            return kind
        if kind not in KINDS:
            raise argument_error(
                ValueError, self, f"features[{column!r}]", f"one of {', '.join(KINDS)}, or a feature", kind
            )
        return KINDS[kind](*([sizes[kind]] if kind in sizes else []))

    # ---- kinds of columns -------------------------------------------------------------------------------------------

    @staticmethod
    def cross(feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Return a cross of columns, one-hot or, with "int", as the number of its bin.

        Args:
            feature_names: of categorical columns.
            crossing_dim: number of bins.
        """
        return Cross(tuple(feature_names), crossing_dim, _check_mode("cross", output_mode, "one_hot", "int"))

    @staticmethod
    def feature(dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a column that a layer of yours encodes; `output_mode` is "float", "int" or "one_hot".

        Args:
            dtype: of the column, such as "float32", "int64" or "string".
            preprocessor: layer that encodes it.
            output_mode: "float", "int" or "one_hot".
        """
        return Feature(dtype, preprocessor, _check_mode("feature", output_mode, "float", "int", "one_hot"))

    @staticmethod
    def float(name: str | None = None) -> Feature:
        """Return a column of numbers that stay as they are."""
        return Feature("float32", layers.Identity(name=_layer(name)), "float")

    @staticmethod
    def float_rescaled(scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Return a column of numbers x, as scale * x + offset.

        Args:
            scale, offset: numbers.
        """
        return Feature("float32", layers.Rescaling(scale, offset, name=_layer(name)), "float")

    @staticmethod
    def float_normalized(name: str | None = None) -> Feature:
        """Return a column of numbers with mean 0 and variance 1 in the data that `adapt` is given."""
        return Feature("float32", layers.Normalization(axis=-1, name=_layer(name)), "float")

    @staticmethod
    def float_discretized(
        num_bins: int | None = None,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of numbers by the bin in which they are.

        Args:
            bin_boundaries: increasing numbers; None for quantiles of the data.
        """
        layer = layers.Discretization(bin_boundaries, num_bins, name=_layer(name))
        return Feature("float32", layer, _check_mode("float_discretized", output_mode, "one_hot", "int"))

    @staticmethod
    def integer_categorical(
        max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of integers by their place among those of `adapt`, the most frequent first."""
        layer = layers.IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_layer(name))
        return Feature("int64", layer, _check_mode("integer_categorical", output_mode, "one_hot", "int"))

    @staticmethod
    def string_categorical(
        max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of texts by their place among those of `adapt`, the most frequent first."""
        layer = layers.StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_layer(name))
        return Feature("string", layer, _check_mode("string_categorical", output_mode, "one_hot", "int"))

    @staticmethod
    def string_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Return a column of texts by the bin of their hash."""
        layer = layers.Hashing(num_bins, name=_layer(name))
        return Feature("string", layer, _check_mode("string_hashed", output_mode, "one_hot", "int"))

    @staticmethod
    def integer_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Return a column of integers by the bin of their hash."""
        layer = layers.Hashing(num_bins, name=_layer(name))
        return Feature("int64", layer, _check_mode("integer_hashed", output_mode, "one_hot", "int"))

    # ---- use --------------------------------------------------------------------------------------------------------

    def adapt(self, dataset: Dataset | Data) -> None:
        """Let the layers see data: means and variances, boundaries of bins, and vocabularies are taken from them.

        Args:
            dataset: a dict of columns, or a `Dataset` of such dicts, in batches or one by one; without labels.

        Raises:
            TypeError: for other data.
        """
        if isinstance(dataset, Mapping):
            table = {column: dataset[column] for column in self._adapts}
            dataset = Dataset.from_tensor_slices(table).batch(1024) if table else Dataset([])
        if not isinstance(dataset, Dataset):
            raise argument_error(TypeError, "FeatureSpace.adapt", "dataset", "a dict of columns or a Dataset", dataset)
        for column in self._adapts:
            values = dataset.map(lambda sample, column=column: sample[column])
            if not np.ndim(next(iter(values))):
                values = values.batch(1024)
            self.preprocessors[column].adapt(_columns(values))
        self._adapted, self._symbols = True, None
        self._encoders.clear()

    def __call__(self, data: Data) -> Any:
        """Return the encoded columns of a batch, arrays of shape (N,) or (N, 1), or of one sample without this axis.

        Raises:
            TypeError: if `data` are not a dict.
            ValueError: if a column is missing, or `adapt` was not called.
        """
        if not isinstance(data, Mapping):
            raise argument_error(TypeError, self, "data", "a dict of columns", data)
        if missing := set(self.features) - set(data):
            raise argument_error(
                ValueError, self, "data", f"the columns {sorted(self.features)}", f"none of {sorted(missing)}"
            )
        encoded = self._encode({column: _column(data[column]) for column in self.features})
        if any(np.ndim(data[column]) for column in self.features):
            return encoded
        return {name: part[0] for name, part in encoded.items()} if self.output_mode == "dict" else encoded[0]

    def _encode(self, data: Data) -> Any:
        """Return the encoded columns of arrays (N, 1), or of symbols."""
        if not self._adapted:
            raise ValueError(f"FeatureSpace: expected adapt(dataset) before the first use, for {self._adapts}")
        parts = {column: self.preprocessors[column](values) for column, values in data.items()}
        crossed = {c.name: self.crossers[c.name]([parts[column] for column in c.feature_names]) for c in self.crosses}
        modes = {column: feature.output_mode for column, feature in self.features.items()}
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        encoded = {name: (parts | crossed)[name] for name in [*sorted(parts), *sorted(crossed)]}
        encoded = {
            name: self._one_hot(name)(part) if modes[name] == "one_hot" else part for name, part in encoded.items()
        }
        if self.output_mode == "dict":
            return encoded
        if numbers := [name for name, mode in modes.items() if mode == "int"]:
            raise ValueError(
                f"FeatureSpace: expected output_mode='dict' with columns of bin numbers; received 'concat', {numbers}"
            )
        return self._encoder("", lambda: layers.Concatenate(axis=-1))(list(encoded.values()))

    def _one_hot(self, name: str) -> Any:
        layer = self.preprocessors.get(name) or self.crossers[name]
        return self._encoder(name, lambda: layers.CategoryEncoding(_size(name, layer), output_mode="multi_hot"))

    def _encoder(self, name: str, make: Any) -> Any:
        if name not in self._encoders:
            self._encoders[name] = make()
        return self._encoders[name]

    # ---- as a model -------------------------------------------------------------------------------------------------

    def _symbolic(self) -> tuple[dict[str, Symbol], Any]:
        """Return the inputs and their encodings, made once after each `adapt`."""
        if self._symbols is None:
            inputs = {
                column: layers.Input((1,), dtype=feature.dtype, name=column)
                for column, feature in self.features.items()
            }
            self._symbols = inputs, self._encode(inputs)
        return self._symbols

    @property
    def model(self) -> Model:
        """The space as a model from a dict of columns to their encodings, which can be saved."""
        return Model(*self._symbolic(), name=self.name)

    def get_inputs(self) -> dict[str, Symbol]:
        """Return the inputs, by column, for a model that takes raw data."""
        return self._symbolic()[0]

    def get_encoded_features(self) -> Any:
        """Return the symbol of the vector, or symbols by name, for a model that takes encoded or raw data."""
        return self._symbolic()[1]

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the space into a file, from which `nn.models.load_model` reads `model`.

        Args:
            filepath: of the file, which ends in ".nn" or ".keras".
        """
        self.model.save(filepath)


_KINDS = (
    "float float_normalized float_rescaled float_discretized integer_categorical string_categorical integer_hashed "
    "string_hashed"
)
KINDS: dict[str, Any] = {kind: getattr(FeatureSpace, kind) for kind in _KINDS.split()}


def _layer(name: str | None) -> str | None:
    return None if name is None else f"{name}_preprocessor"


def _check_mode(caller: str, output_mode: str, *modes: str) -> str:
    if output_mode not in modes:
        raise argument_error(
            ValueError, f"FeatureSpace.{caller}", "output_mode", f"one of {', '.join(modes)}", output_mode
        )
    return output_mode


def _adapts(layer: Any) -> bool:
    """Return whether a layer is to see data: one with a given mean, vocabulary or boundaries is not."""
    arguments = ("mean", "vocabulary", "bin_boundaries")
    return hasattr(layer, "adapt") and all(layer.get_config().get(name) is None for name in arguments)


def _size(name: str, layer: Any) -> int:
    """Return the number of different integers that a layer gives."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.Discretization):
        return layer.num_bins or len(layer.bin_boundaries or ()) + 1
    if isinstance(layer, layers.CategoryEncoding):
        return int(layer.num_tokens)
    if isinstance(layer, (layers.Hashing, layers.HashedCrossing)):
        return int(layer.num_bins)
    raise ValueError(
        f"FeatureSpace: expected a layer that looks up, hashes or discretizes, for output_mode='one_hot' of {name!r}; "
        f"received {type(layer).__name__}. Use output_mode='int' or 'float'"
    )


def _column(values: Any) -> Any:
    """Return a column, or a single value, as an array or Tensor of shape (N, 1); other shapes stay."""
    if not isinstance(values, Tensor):
        values = np.asarray(values)
        values = values.astype(object) if values.dtype.kind in "US" else values
    return values.reshape(-1, 1) if values.ndim < 2 else values


def _columns(batches: Dataset) -> Iterator[Any]:
    return (_column(values.data if isinstance(values, Tensor) else values) for values in batches)
