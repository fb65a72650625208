"""The first optimizers against steps of Keras that were written down, and against PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import optimizers
from nn.optimizers import Optimizer

from .test_optimizers import every_dtype, parameters

# Ten steps of Keras 3.15.1, as p[0] p[1] q[0] after each. Made by
#
#     import keras  # with KERAS_BACKEND=jax JAX_ENABLE_X64=1: its NumPy backend falls back to float32
#     keras.config.set_floatx("float64")
#     p, q = (keras.Variable(np.array(a), dtype="float64") for a in ([1.0, -2.0], [0.5]))
#     optimizer = getattr(keras.optimizers, name)(**options)
#     for t in range(10):
#         (a, b), (c,) = p.numpy(), q.numpy()
#         optimizer.apply([np.array([2 * np.cos(t) + a, 3 * b]), np.array([0.1 * c + a])], [p, q])
#         print(*(f"{v:.7f}" for v in [*p.numpy(), *q.numpy()]))
#
# An epsilon of 0.1 shows where it is added; a gradient that changes sign, which running means are meant.
KERAS = """
SGD {}
0.9700000 -1.9400000 0.4895000 0.9494940 -1.8818000 0.4793105 0.9483219 -1.8253460 0.4693363 0.9586386 -1.7705856
0.4593837 0.9621251 -1.7174680 0.4493379 0.9468306 -1.6659440 0.4392673 0.9181589 -1.6159657 0.4293598 0.8938992
-1.5674867 0.4197488 0.8878702 -1.5204621 0.4103901 0.8972141 -1.4748482 0.4011010

SGD {"momentum": 0.9}
0.9700000 -1.9400000 0.4895000 0.9224940 -1.8278000 0.4698605 0.8788365 -1.6719860 0.4424902 0.8505563 -1.4815938
0.4086260 0.8296714 -1.2657930 0.3692340 0.7969051 -1.0335986 0.3251153 0.7402429 -0.7936156 0.2771144 0.6667665
-0.5538224 0.2262339 0.5968800 -0.3213939 0.1735476 0.5462360 -0.1025664 0.1199876

SGD {"momentum": 0.9, "nesterov": true}
0.9430000 -1.8860000 0.4800500 0.8802515 -1.7298980 0.4527159 0.8410791 -1.5417240 0.4194493 0.8278948 -1.3311964
0.3810617 0.8148872 -1.1074699 0.3380059 0.7726038 -0.8789326 0.2909248 0.6958227 -0.6530515 0.2409576 0.6090874
-0.4362658 0.1895240 0.5448145 -0.2339239 0.1377803 0.5141032 -0.0502617 0.0862501

SGD {"learning_rate": 0.1, "clipnorm": 0.5}
0.9776393 -1.9552786 0.4500000 0.9610845 -1.9080988 0.4000000 0.9599599 -1.8581114 0.3500000 0.9689597 -1.8089281
0.3000000 0.9720709 -1.7590250 0.2500000 0.9580688 -1.7110256 0.2000000 0.9336135 -1.6674144 0.1500000 0.9116829
-1.6224805 0.1000000 0.9053583 -1.5728822 0.0500000 0.9148956 -1.5238002 0.0000000

SGD {"learning_rate": 0.1, "clipvalue": 0.25}
0.9750000 -1.9750000 0.4750000 0.9500000 -1.9500000 0.4500000 0.9382294 -1.9250000 0.4250000 0.9632294 -1.9000000
0.4000000 0.9882294 -1.8750000 0.3750000 0.9632294 -1.8500000 0.3500000 0.9382294 -1.8250000 0.3250000 0.9132294
-1.8000000 0.3000000 0.8882294 -1.7750000 0.2750000 0.9132294 -1.7500000 0.2500000

SGD {"learning_rate": 0.1, "global_clipnorm": 0.5, "weight_decay": 0.1}
0.9679083 -1.9358166 0.4872679 0.9418188 -1.8699356 0.4742511 0.9314394 -1.8020051 0.4608271 0.9314990 -1.7356554
0.4474798 0.9257219 -1.6692783 0.4338142 0.9024184 -1.6054731 0.4203589 0.8684669 -1.5468852 0.4078150 0.8373322
-1.4875734 0.3951467 0.8229955 -1.4239859 0.3816242 0.8259406 -1.3619719 0.3681774

RMSprop {}
0.9968377 -1.9968377 0.4968377 0.9949733 -1.9945453 0.4945472 0.9948196 -1.9926266 0.4926306 0.9957567 -1.9909240
0.4909285 0.9960676 -1.9893642 0.4893671 0.9946086 -1.9879062 0.4879070 0.9924845 -1.9865249 0.4865248 0.9908430
-1.9852030 0.4852040 0.9903642 -1.9839286 0.4839315 0.9909536 -1.9826929 0.4826973

RMSprop {"learning_rate": 0.1, "momentum": 0.5, "epsilon": 0.1}
0.7000000 -1.6880749 0.2710075 0.3892558 -1.3237033 0.0116959 0.2754880 -0.9903525 -0.1957150 0.3668991 -0.7122048
-0.3512863 0.4954837 -0.4915539 -0.4967768 0.4658965 -0.3229435 -0.6594078 0.2698322 -0.1986337 -0.8211363 0.0423454
-0.1106531 -0.9406280 -0.0524008 -0.0515310 -0.9894177 0.0361089 -0.0145525 -0.9810070

RMSprop {"learning_rate": 0.1, "rho": 0.8, "centered": true, "epsilon": 0.1}
0.7582531 -1.7521423 0.3002806 0.6079889 -1.5581338 0.1550540 0.6269329 -1.3818020 0.0350389 0.7285517 -1.2132984
-0.0921896 0.7751190 -1.0498303 -0.2423669 0.6659961 -0.8921420 -0.4045603 0.4852477 -0.7432932 -0.5471168 0.3404230
-0.6074488 -0.6495368 0.3366171 -0.4882135 -0.7159496 0.4362152 -0.3872260 -0.7811579

Adam {}
0.9990000 -1.9990000 0.4990000 0.9980253 -1.9980000 0.4980000 0.9972437 -1.9970001 0.4970001 0.9967765 -1.9960001
0.4960002 0.9964277 -1.9950002 0.4950004 0.9959506 -1.9940004 0.4940007 0.9953175 -1.9930006 0.4930009 0.9945969
-1.9920008 0.4920013 0.9939013 -1.9910012 0.4910018 0.9933574 -1.9900016 0.4900024

Adam {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.1, "amsgrad": true}
0.9095358 -1.9050066 0.4231460 0.8208100 -1.8089446 0.3421449 0.7584785 -1.7126636 0.2599351 0.7322998 -1.6165346
0.1774929 0.7213659 -1.5208128 0.0950252 0.6928853 -1.4257131 0.0125516 0.6394081 -1.3314348 -0.0696535 0.5741410
-1.2381718 -0.1510222 0.5186865 -1.1461182 -0.2304936 0.4899830 -1.0560480 -0.3070051

Adam {"learning_rate": 0.1, "epsilon": 0.1, "weight_decay": 0.1}
0.9413167 -1.9145141 0.4700729 0.8800690 -1.8230482 0.4341233 0.8307609 -1.7292516 0.3948708 0.7997348 -1.6345704
0.3535557 0.7765956 -1.5398018 0.3108223 0.7464697 -1.4454723 0.2670780 0.7045725 -1.3519730 0.2226847 0.6559787
-1.2596196 0.1780094 0.6104975 -1.1686823 0.1334006 0.5770093 -1.0794025 0.0891377

AdamW {}
0.9989960 -1.9989920 0.4989980 0.9980173 -1.9979840 0.4979960 0.9972317 -1.9969761 0.4969941 0.9967606 -1.9959681
0.4959923 0.9964078 -1.9949603 0.4949905 0.9959267 -1.9939524 0.4939887 0.9952896 -1.9929447 0.4929870 0.9945650
-1.9919370 0.4919854 0.9938655 -1.9909294 0.4909840 0.9933175 -1.9899218 0.4899826

Adagrad {}
0.9990055 -1.9990014 0.4990425 0.9984379 -1.9982950 0.4983513 0.9983926 -1.9977181 0.4977829 0.9986512 -1.9972185
0.4972888 0.9987322 -1.9967717 0.4968457 0.9983519 -1.9963639 0.4964407 0.9977738 -1.9959863 0.4960653 0.9973292
-1.9956330 0.4957141 0.9972048 -1.9953001 0.4953829 0.9973486 -1.9949842 0.4950685

Adagrad {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "epsilon": 0.1}
0.9031754 -1.9008231 0.4195278 0.8492544 -1.8322321 0.3608657 0.8487934 -1.7770806 0.3127066 0.8781821 -1.7299133
0.2695273 0.8892618 -1.6881862 0.2289403 0.8540595 -1.6504725 0.1910827 0.7983688 -1.6158779 0.1570116 0.7563597
-1.5837985 0.1267371 0.7479130 -1.5538037 0.0992399 0.7670528 -1.5255739 0.0730863
"""


@every_dtype
@pytest.mark.parametrize("case", KERAS.strip().split("\n\n"), ids=lambda case: case.partition("\n")[0])
def test_ten_steps_equal_those_of_keras(case: str, dtype: str) -> None:
    title, _, numbers = case.partition("\n")
    name, _, options = title.partition(" ")
    p, q = (ag.tensor(a, dtype=dtype, requires_grad=True) for a in ([1.0, -2.0], [0.5]))
    optimizer = getattr(optimizers, name)(**json.loads(options), parameters=[p, q])
    seen = []
    for t in range(10):
        (a, b), (c,) = p.data, q.data
        p.grad, q.grad = np.array([2 * np.cos(t) + a, 3 * b], dtype), np.array([0.1 * c + a], dtype)
        optimizer.step()
        seen += [*p.data, *q.data]
    np.testing.assert_allclose(seen, np.array(numbers.split(), float), rtol=0, atol=1e-6)


TORCH: dict[str, tuple[Callable[..., Optimizer], str, dict[str, Any]]] = {
    "sgd": (lambda: optimizers.SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": (lambda: optimizers.SGD(0.1, 0.9), "SGD", {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (lambda: optimizers.SGD(0.1, 0.9, True), "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (lambda: optimizers.RMSprop(0.1, epsilon=1e-16), "RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-16}),
    "adam": (lambda: optimizers.Adam(0.1, epsilon=1e-16), "Adam", {"lr": 0.1, "eps": 1e-16}),
    "adamw": (
        lambda: optimizers.AdamW(0.1, epsilon=1e-16, weight_decay=0.3),
        "AdamW",
        {"lr": 0.1, "eps": 1e-16, "weight_decay": 0.3},
    ),
    "adagrad": (
        lambda: optimizers.Adagrad(0.1, epsilon=1e-16),
        "Adagrad",
        {"lr": 0.1, "eps": 1e-16, "initial_accumulator_value": 0.1},
    ),
}


@pytest.mark.parametrize(("make", "name", "options"), TORCH.values(), ids=TORCH)
def test_fifty_steps_equal_those_of_pytorch(make: Callable[..., Optimizer], name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    ours = parameters("float64")
    theirs = [torch.tensor(p.numpy(), requires_grad=True) for p in ours]
    optimizer, peer = make(), getattr(torch.optim, name)(theirs, **options)
    optimizer.bind(ours)
    for t in range(50):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = np.asarray(np.cos(t + np.arange(p.size)).reshape(p.shape) + 0.3 * p.data)
            q.grad = torch.tensor(p.grad.numpy())
        optimizer.step()
        peer.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-9, atol=1e-12)
