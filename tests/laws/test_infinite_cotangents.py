"""A closed gate lets nothing through, not even an infinity."""

import numpy as np

import autograd_lite as ag


def test_an_infinite_cotangent_stops_at_a_closed_relu() -> None:
    gradient = ag.grad(lambda x: np.sqrt(ag.relu(x)).sum())(np.array([-1.0, 4.0]))
    assert gradient.tolist() == [0.0, 0.25]
    second = ag.grad(lambda x: ag.grad(lambda x: np.sqrt(ag.relu(x)).sum())(x).sum())(np.array([-1.0, 4.0]))
    assert second[0] == 0.0
    assert np.isclose(second[1], -1 / 32)
