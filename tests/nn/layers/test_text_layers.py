"""Layers that begin with strings, beside what Keras documents: it needs TensorFlow to compute them."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, ops
from nn.layers.preprocessing.fingerprints import farm, sip

WORDS = ["earth", "wind", "and", "fire"]
LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]


def called(layer: Any, x: Any, data: Any = None) -> Any:
    """Return what a layer makes of x, as lists, after it was adapted to data."""
    if data is not None:
        layer.adapt(data)
    return layer(x).tolist()


# What Keras's documentation shows for these layers.
DOCUMENTED: dict[str, tuple[Any, Any, Any]] = {
    "lookup": (
        lambda k: k.StringLookup(vocabulary=["a", "b", "c", "d"]),
        [["a", "c", "d"], ["d", "z", "b"]],
        [[1, 3, 4], [4, 0, 2]],
    ),
    "lookup of two unknown": (
        lambda k: k.StringLookup(vocabulary=["a", "b", "c", "d"], num_oov_indices=2),
        [["a", "c", "d"], ["m", "z", "b"]],
        [[2, 4, 5], [0, 1, 3]],
    ),
    "one_hot": (
        lambda k: k.StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="one_hot"),
        ["a", "b", "c", "d", "z"],
        np.eye(5)[[1, 2, 3, 4, 0]].tolist(),
    ),
    "multi_hot": (
        lambda k: k.StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="multi_hot"),
        [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
        [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]],
    ),
    "count": (
        lambda k: k.StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="count"),
        [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
        [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]],
    ),
    "tf_idf": (
        lambda k: k.StringLookup(
            vocabulary=["a", "b", "c", "d"], output_mode="tf_idf", idf_weights=[0.25, 0.75, 0.6, 0.4]
        ),
        [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
        [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]],
    ),
    "tf_idf of given special ones": (
        lambda k: k.StringLookup(
            vocabulary=["[UNK]", "a", "b", "c", "d"], output_mode="tf_idf", idf_weights=[0.9, 0.25, 0.75, 0.6, 0.4]
        ),
        [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
        [[0, 0.25, 0, 0.6, 0.8], [1.8, 0, 0.75, 0, 0.4]],
    ),
    "integers": (
        lambda k: k.IntegerLookup(
            vocabulary=[12, 36, 1138, 42], output_mode="tf_idf", idf_weights=[0.25, 0.75, 0.6, 0.4]
        ),
        np.array([[12, 1138, 42, 42], [42, 7, 36, 7]]),
        [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]],
    ),
    "words": (
        lambda k: k.TextVectorization(vocabulary=WORDS, max_tokens=5000, output_sequence_length=4),
        [["foo qux bar"], ["qux earth"]],
        [[1, 1, 1, 0], [1, 2, 0, 0]],
    ),
    "hash": (lambda k: k.Hashing(3), LETTERS, [[1], [0], [1], [1], [2]]),
    "hash with a mask": (
        lambda k: k.Hashing(3, mask_value=""),
        [["A"], ["B"], [""], ["C"], ["D"]],
        [[1], [1], [0], [2], [2]],
    ),
    "hash with two keys": (lambda k: k.Hashing(3, salt=[133, 137]), LETTERS, [[1], [2], [1], [0], [2]]),
    "hash of integers": (lambda k: k.Hashing(3), np.arange(5)[:, None], [[1], [0], [1], [0], [2]]),
    "hash of integers with two keys": (
        lambda k: k.Hashing(3, salt=[133, 137]),
        np.arange(5)[:, None],
        [[1], [1], [2], [0], [1]],
    ),
    "hash with a key": (lambda k: k.Hashing(3, salt=133), LETTERS, [[0], [0], [2], [1], [0]]),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_results_that_keras_documents(name: str) -> None:
    make, x, expected = DOCUMENTED[name]
    np.testing.assert_allclose(make(layers)(x).numpy(), expected, rtol=1e-6)


def test_pairs_are_hashed_as_keras_documents() -> None:
    given = [np.array(list("ABABA")), np.array([101, 101, 101, 102, 102])]
    assert called(layers.HashedCrossing(5), given) == [1, 4, 1, 1, 3]
    assert called(layers.HashedCrossing(5, "one_hot"), given) == np.eye(5)[[1, 4, 1, 1, 3]].tolist()


def test_hashes_of_every_length() -> None:
    """The sum over 300 lengths is that of Google's library; a vector of the SipHash paper is in the docstring."""
    texts = [bytes((7 * i + 13 * j) % 256 for j in range(i)) for i in range(300)]
    assert sum(map(farm, texts)) % 2**64 == 0x3B4757956117F7FC
    assert len({sip(text, (1, 2)) for text in texts}) == 300


TEXTS = ["The quick, brown fox!", "the lazy dog\tthe fox", "", "Ünïcode x\xa0y"]


def reference(text: str, standardize: str | None, split: str | None, ngrams: Any) -> list[str]:
    """Return the tokens of a text, by loops over its characters."""
    if standardize in ("lower", "lower_and_strip_punctuation"):
        text = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)
    if standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
        text = "".join(c for c in text if c not in r"""!"#$%&()*+,-./:;<=>?@[\]^_`{|}~'""")
    tokens = [text]
    if split == "character":
        tokens = list(text)
    elif split == "whitespace":
        for gap in "\t\n\r\f\v":
            text = text.replace(gap, " ")
        tokens = [token for token in text.split(" ") if token]
    widths = [None] if ngrams is None else range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
    runs = [[tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)] for n in widths if n]
    return tokens if ngrams is None else [" ".join(run) for group in runs for run in group]


@pytest.mark.parametrize("ngrams", [None, 2, (1, 3)])
@pytest.mark.parametrize("split", ["whitespace", "character", None])
@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", "lower", "strip_punctuation", None])
def test_texts_are_counted_as_by_hand(standardize: Any, split: Any, ngrams: Any) -> None:
    rows = [reference(text, standardize, split, ngrams) for text in TEXTS]
    counts = Counter(token for row in rows for token in row if token not in ("", "[UNK]"))
    ordered = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
    given = {"standardize": standardize, "split": split, "ngrams": ngrams}
    layer = layers.TextVectorization(**given)
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == ["", "[UNK]", *ordered]
    assert layer.vocabulary_size() == len(ordered) + 2
    longest = max(map(len, rows))
    index = [[(["", "[UNK]", *ordered]).index(token) for token in row] + [0] * (longest - len(row)) for row in rows]
    assert layer(TEXTS).tolist() == index
    assert layer(np.array(TEXTS, object)[:, None]).tolist() == index
    assert layer([text.encode() for text in TEXTS]).tolist() == index
    cut = layers.TextVectorization(**given, output_sequence_length=2, vocabulary=ordered)
    assert cut(TEXTS).tolist() == [[*row, 0, 0][:2] for row in index]
    weighed = layers.TextVectorization(**given, output_mode="tf_idf", max_tokens=len(ordered))
    weighed.adapt(TEXTS)
    kept = ordered[:-1]
    idf = [math.log(1 + len(TEXTS) / (1 + sum(token in row for row in rows))) for token in kept]
    idf = [float(np.mean(idf)), *idf]
    by_hand = np.zeros((len(TEXTS), len(idf)))
    for i, row in enumerate(rows):
        for token in row:
            if token:
                place = kept.index(token) + 1 if token in kept else 0
                by_hand[i, place] += idf[place]
    np.testing.assert_allclose(weighed(TEXTS).numpy(), by_hand, rtol=1e-5)


def loader(texts: Any) -> Any:
    """Return a DataLoader over texts."""
    return nn.data.DataLoader(np.array(texts), batch_size=2)


WAYS = [
    list,
    np.array,
    tuple,
    lambda t: [np.array(t[:1]), np.array(t[1:])],
    lambda t: (np.array([s]) for s in t),
    loader,
]


@pytest.mark.parametrize("way", WAYS)
def test_adapt_takes_texts_in_many_ways(way: Any) -> None:
    layer = layers.TextVectorization()
    layer.adapt(["something else"])
    layer.adapt(way(["b a", "a", "a c"]))
    assert layer.get_vocabulary() == ["", "[UNK]", "a", "c", "b"]
    layer.adapt(iter([np.array(["x"]), np.array(["y"])]), steps=1)
    assert layer.get_vocabulary(include_special_tokens=False) == ["x"]


def test_one_text_has_no_batch_axis() -> None:
    layer = layers.TextVectorization(vocabulary=WORDS)
    assert layer("Earth, Wind & Fire").tolist() == [2, 3, 5]
    assert layers.TextVectorization(vocabulary=WORDS, output_mode="count")("fire fire").shape == (6 - 1,)


def upper(texts: Any) -> Any:
    """Return the texts in capitals."""
    return np.char.upper(texts)


def at_commas(texts: Any) -> Any:
    """Return the parts of texts between commas."""
    return [text.split(",") for text in texts]


def test_functions_of_ones_own(tmp_path: Path) -> None:
    made = [nn.saving.register_keras_serializable("tests")(f) for f in (upper, at_commas)]
    layer = layers.TextVectorization(standardize=made[0], split=made[1], vocabulary=["A", "B C"])
    model = nn.Sequential([nn.Input((1,), dtype="string"), layer])
    assert model.predict([["a,b c"], ["x"]], verbose=0).tolist() == [[2, 3], [1, 0]]
    model.save(tmp_path / "m.nn")
    assert nn.models.load_model(tmp_path / "m.nn").predict(["b c,x"], verbose=0).tolist() == [[3, 1]]
    unnamed = nn.Sequential(
        [nn.Input((1,), dtype="string"), layers.TextVectorization(standardize=lambda x: x, vocabulary=["a"])]
    )
    with pytest.raises(TypeError, match="function .*lambda.* as 'standardize'.*register_keras_serializable"):
        unnamed.save(tmp_path / "n.nn")


def test_vocabularies_come_from_files_but_not_through_configurations(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("earth\nwind\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(file))
    assert layer.get_vocabulary() == ["[UNK]", "earth", "wind"]
    assert layers.StringLookup.from_config(layer.get_config()).get_vocabulary() == layer.get_vocabulary()
    with pytest.raises(ValueError, match="the tokens themselves in a configuration; received the path"):
        layers.StringLookup.from_config({"vocabulary": str(file)})
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("3\n-5", encoding="utf-8")
    assert layers.IntegerLookup(vocabulary=numbers).get_vocabulary() == [-1, 3, -5]


# ---- models ---------------------------------------------------------------------------------------------------------


def classifier(kind: str) -> nn.Model:
    """Return a model from texts to a number."""
    vectors = layers.TextVectorization(vocabulary=WORDS, output_mode="multi_hot")
    if kind == "functional":
        x = nn.Input((1,), dtype="string")
        return nn.Model(x, layers.Dense(1)(vectors(x)))
    if kind == "subclass":

        class Own(nn.Model):
            def __init__(self) -> None:
                super().__init__()
                self.vectors, self.dense = vectors, layers.Dense(1)

            def call(self, x: Any) -> Any:
                return self.dense(self.vectors(x))

        return Own()
    first = [nn.Input((1,), dtype="string")] if kind == "sequential" else []
    return nn.Sequential([*first, vectors, layers.Dense(1)])


FIRE = np.array(["earth and wind", "wind", "fire and earth", "a fire"])


@pytest.mark.parametrize("kind", ["functional", "subclass", "sequential", "sequential without Input"])
@pytest.mark.parametrize("texts", [FIRE, FIRE[:, None], FIRE.tolist(), FIRE.astype(object), np.char.encode(FIRE)])
def test_a_model_learns_from_texts(kind: str, texts: Any) -> None:
    nn.set_seed(0)
    model = classifier(kind)
    model.compile(nn.optimizers.Adam(0.1), "mse", metrics=["mae"])
    target = np.array([[0.0], [0.0], [1.0], [1.0]])
    model.fit(texts, target, epochs=60, verbose=0)
    assert model.evaluate(texts, target, verbose=0)[0] < 0.01
    np.testing.assert_allclose(model.predict(texts, verbose=0), target, atol=0.2)
    np.testing.assert_allclose(model.predict(nn.data.DataLoader(FIRE, batch_size=3), verbose=0), target, atol=0.2)
    assert model.train_on_batch(np.asarray(texts), target)[0] < 0.01


def test_columns_of_strings_and_numbers_by_name() -> None:
    inputs = {"kind": nn.Input((1,), dtype="string", name="kind"), "size": nn.Input((1,), name="size")}
    kinds = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0, output_mode="one_hot")(inputs["kind"])
    model = nn.Model(inputs, layers.Concatenate()([kinds, inputs["size"]]))
    data = {"kind": np.array(["b", "a"]), "size": np.array([0.5, 2.0])}
    assert model.predict(data, verbose=0).tolist() == [[0, 1, 0.5], [1, 0, 2]]
    assert model.predict({k: v[:, None] for k, v in data.items()}, verbose=0).tolist() == [[0, 1, 0.5], [1, 0, 2]]


def test_shapes_of_symbols() -> None:
    x = nn.Input((1,), dtype="string")
    assert (x.shape, x.dtype.kind, repr(x)) == ((None, 1), "U", "Symbol(shape=(None, 1), dtype=str)")
    assert layers.TextVectorization(vocabulary=WORDS)(x).shape == (None, None)
    assert layers.TextVectorization(vocabulary=WORDS, output_sequence_length=7)(x).shape == (None, 7)
    assert layers.TextVectorization(max_tokens=9, output_mode="count", pad_to_max_tokens=True)(x).shape == (None, 9)
    back = layers.StringLookup(vocabulary=WORDS, invert=True)(layers.StringLookup(vocabulary=WORDS)(x))
    assert (back.shape, back.dtype.kind) == ((None, 1), "U")
    assert nn.Model(x, back)(np.array([["wind"], ["sea"]])).tolist() == [["wind"], ["[UNK]"]]


# ---- Lambda ---------------------------------------------------------------------------------------------------------


def scaled(x: Any, by: float = 1.0) -> Any:
    """Return x times a number."""
    return ops.multiply(x, by)


FUNCTIONS = {
    "operators": (lambda x: 2 * x - 1, lambda x: 2 * x - 1),
    "nn.ops": (lambda x: ops.mean(ops.square(x), axis=-1), lambda x: (x**2).mean(axis=-1)),
    "NumPy": (lambda x: np.concatenate([x, np.tanh(x)], axis=1), lambda x: np.concatenate([x, np.tanh(x)], axis=1)),
    "autograd_lite": (lambda x: ag.sigmoid(x)[:, :2], lambda x: 1 / (1 + np.exp(-x[:, :2]))),
    "a ufunc": (np.exp, np.exp),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_a_layer_of_a_functional_model(name: str, rng: np.random.Generator) -> None:
    function, plain = FUNCTIONS[name]
    x = nn.Input((3,))
    y = layers.Lambda(function)(x)
    data = rng.normal(size=(4, 3)).astype(np.float32)
    assert y.shape == (None, *plain(data).shape[1:])
    np.testing.assert_allclose(nn.Model(x, y).predict(data, verbose=0), plain(data), rtol=1e-5)
    given = ag.tensor(data, requires_grad=True)
    layers.Lambda(function)(given).sum().backward()
    assert np.abs(given.grad.numpy()).max() > 0


def test_a_function_gets_arguments_training_and_masks() -> None:
    seen = []

    def function(x: Any, by: float, training: bool, mask: Any = None) -> Any:
        seen.append((by, training, None if mask is None else np.asarray(mask.data).tolist()))
        return x * by

    layer = layers.Lambda(function, mask=lambda x, mask: mask, arguments={"by": 3.0})
    assert layer([[1.0]], training=True).tolist() == [[3.0]]
    layer(layers.Masking()(np.array([[[0.0], [1.0]]])), training=False)
    assert seen[0] == (3.0, True, None)
    assert seen[-1] == (3.0, False, [[False, True]])
    assert layers.Lambda(lambda x: x, lambda shape: (shape[0], 9)).compute_output_shape((None, 4)) == (None, 9)
    assert layers.Lambda(lambda x: x, (9,)).compute_output_shape((None, 4)) == (None, 9)


def test_only_named_functions_are_saved(tmp_path: Path) -> None:
    named = nn.saving.register_keras_serializable("tests")(scaled)
    model = nn.Sequential([nn.Input((2,)), layers.Lambda(named, arguments={"by": 4.0}, name="four")])
    model.save(tmp_path / "m.nn")
    again = nn.models.load_model(tmp_path / "m.nn")
    assert again.predict(np.ones((1, 2)), verbose=0).tolist() == [[4.0, 4.0]]
    assert again.layers[0].name == "four"
    unnamed = nn.Sequential([nn.Input((2,)), layers.Lambda(lambda x: x)])
    with pytest.raises(TypeError, match="as 'function' of layers.Lambda.*register_keras_serializable"):
        unnamed.save(tmp_path / "n.nn")


# ---- bad input ------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "ragged": (lambda: layers.TextVectorization(ragged=True), "expected ragged=False, since arrays have rows of equal"),
    "sparse": (lambda: layers.StringLookup(sparse=True, output_mode="count"), "sparse=False, since arrays are dense"),
    "length": (
        lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
        "expected output_sequence_length with output_mode='int' only",
    ),
    "no vocabulary": (lambda: layers.TextVectorization()(["a"]), r"none yet. Give it .* or call adapt\(data\) first"),
    "numbers": (lambda: layers.TextVectorization(vocabulary=["a"])(np.ones((2, 1))), "expected strings, in an array"),
    "twice": (lambda: layers.StringLookup(vocabulary=["a", "a"]), "expected a vocabulary of strings, none twice"),
    "mask": (lambda: layers.StringLookup(mask_token="m", vocabulary=["a", "m"]), "none that is mask_token='m'"),
    "weights": (
        lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"),
        "expected idf_weights with output_mode='tf_idf'",
    ),
    "few weights": (
        lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf", idf_weights=[1.0, 2.0, 3.0]),
        "expected idf_weights of 1 numbers, one for each token",
    ),
    "unknown": (
        lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["a", "z"]),
        "since num_oov_indices=0; received 'z'. Use num_oov_indices=1",
    ),
    "columns": (
        lambda: layers.TextVectorization(vocabulary=["a"])(np.array([["a", "b"]])),
        r"expected texts of shape \(N,\) or \(N, 1\)",
    ),
    "nothing": (lambda: layers.TextVectorization().adapt(["", "?!"]), "expected at least one token other than special"),
    "one input": (lambda: layers.HashedCrossing(3)(np.array([1, 2])), "expected a list of two or more arrays"),
    "salt": (lambda: layers.IntegerLookup(salt=3), "expected oov_method='farmhash' with salt"),
    "strings for numbers": (lambda: layers.Dense(2)(np.array(["a"])), "expected numbers; received strings"),
    "strings for an input of numbers": (
        lambda: nn.Model(x := nn.Input((1,)), layers.Dense(1)(x))(np.array(["a"])),
        "expected numbers; received strings",
    ),
    "numbers for an input of strings": (
        lambda: classifier("functional")(np.ones((2, 1))),
        "expected strings; received",
    ),
    "targets": (
        lambda: compiled(classifier("sequential")).fit(FIRE, FIRE, verbose=0),
        "labels that are texts must be turned into numbers",
    ),
    "a number": (lambda: layers.Lambda(3), "expected function to be a function"),
}


def compiled(model: Any) -> Any:
    """Return the model, compiled."""
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError, ag.ShapeError, ag.DtypeError), match=message):
        call()


def test_a_failed_adapt_changes_nothing() -> None:
    layer = layers.TextVectorization(vocabulary=WORDS)
    for bad in (["?"], [np.array([1.0])], iter([np.array(["a"]), 3])):
        with pytest.raises(ValueError, match="expected"):
            layer.adapt(bad)
        assert layer.get_vocabulary(False) == WORDS
