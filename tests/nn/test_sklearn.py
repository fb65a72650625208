"""The scikit-learn face: its own checks, pipelines, grid search."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra `sklearn`")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from nn.sklearn import Classifier, Regressor

# As scikit-learn says of its own SGDClassifier, whose batches a repeated sample changes too.
WEIGHTS = {"check_sample_weight_equivalence_on_dense_data": "a weight does not cut the same batches as repetition"}


@pytest.mark.parametrize("estimator", [Classifier(epochs=20), Regressor(epochs=20)], ids=["Classifier", "Regressor"])
def test_the_checks_of_scikit_learn(estimator: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, expected_failed_checks=WEIGHTS)
    done = [r for r in results if r["status"] == "passed"]
    assert len(done) > 50
    assert {r["check_name"] for r in results if r["status"] == "xfail"} <= set(WEIGHTS)


def test_a_pipeline_in_cross_validation() -> None:
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), Classifier(hidden=(16,), epochs=40, random_state=0))
    assert cross_val_score(model, x, y, cv=3).mean() > 0.93
    x, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), Regressor(hidden=(16,), epochs=20, learning_rate=0.003, random_state=0))
    assert cross_val_score(model, x, y, cv=3).mean() > 0.4


def test_grid_search_over_network_and_optimizer() -> None:
    x, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        Classifier(epochs=15, random_state=0),
        {"hidden": [(), (8,)], "optimizer": ["sgd", nn.optimizers.Adam(0.02)]},
        cv=2,
    )
    search.fit(x, y)
    assert search.best_score_ > 0.8
    assert len(search.cv_results_["params"]) == 4


def test_a_fit_repeats_and_leaves_the_default_stream_alone() -> None:
    x, y = load_iris(return_X_y=True)
    stream = ag.random.default_generator.state
    first = Classifier(epochs=3, random_state=7).fit(x, y)
    assert ag.random.default_generator.state == stream
    second = clone(first).fit(x, y)
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))
    other = Classifier(epochs=3, random_state=8).fit(x, y)
    assert (first.predict_proba(x) != other.predict_proba(x)).any()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).predict(x), first.predict(x))


def test_a_model_of_ones_own_and_labels_of_any_kind() -> None:
    def network(features: int, outputs: int) -> nn.Model:
        x = nn.Input((features,))
        return nn.Model(x, nn.layers.Dense(outputs)(nn.layers.Dense(8, activation="tanh")(x)))

    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = Classifier(network, epochs=40, random_state=0).fit(x, names)
    assert model.score(x, names) > 0.9
    probabilities = model.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.log(probabilities), model.predict_log_proba(x), rtol=1e-9, atol=1e-9)
    assert len(model.history_["loss"]) == 40


def test_weights_of_zero_leave_samples_out() -> None:
    x = np.linspace(-1, 1, 40)[:, None]
    y = x[:, 0].copy()
    y[::2] = 5.0
    model = Regressor(epochs=80, random_state=0).fit(x, y, sample_weight=np.tile([0.0, 1.0], 20))
    assert np.abs(model.predict(x) - x[:, 0]).max() < 0.4


def test_several_targets_and_their_units() -> None:
    x = np.linspace(-1, 1, 60)[:, None]
    y = np.concatenate([1e6 * x, 1e-6 * x**2], axis=1)
    model = Regressor(epochs=100, random_state=0).fit(x, y)
    assert model.predict(x).shape == (60, 2)
    assert model.score(x, y) > 0.9


def test_bad_input_is_explained() -> None:
    with pytest.raises(NotFittedError):
        Regressor().predict([[1.0]])
    with pytest.raises(ValueError, match="at least 2 classes; received one class"):
        Classifier().fit([[1.0], [2.0]], ["a", "a"])
