"""Programs of many kinds, as people draw them: each row records one anew, without `record_source()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, build_graph, diff
from autograd_lite.graph.marks import Overlaid
from autograd_lite.scipy import stats
from nn import layers, losses, models

from ..hard import residual_block
from ..large import irregular, parameter, transformer
from ..samples import recurrent


class Drawn(NamedTuple):
    """What is drawn: a graph, and what lies over it."""

    graph: Graph
    overlay: Overlaid | None = None


def images(*shape: int) -> Tensor:
    return ag.tensor(np.ones(shape, "float32"), name="images")


def classes(n: int, count: int = 10) -> np.ndarray:
    return np.eye(count, dtype="float32")[np.arange(n) % count]


def mlp() -> Tensor:
    network = models.Sequential([layers.Dense(16, activation="relu") for _ in range(3)] + [layers.Dense(10)])
    return losses.CategoricalCrossentropy(from_logits=True)(classes(4), network(images(4, 12)))


def cnn() -> Tensor:
    parts = [part for n in (8, 16, 32) for part in (layers.Conv2D(n, 3, activation="relu"), layers.MaxPooling2D())]
    network = models.Sequential([*parts, layers.Flatten(), layers.Dropout(0.5), layers.Dense(10)])
    return losses.CategoricalCrossentropy(from_logits=True)(classes(2), network(images(2, 32, 32, 3), training=True))


def resnet() -> Tensor:
    network = models.Sequential([layers.Conv2D(4, 3, padding="same", use_bias=False), layers.BatchNormalization()])
    for k, filters in enumerate((4, 8, 16, 32)):
        for layer in (*residual_block(filters, 1 + (k > 0)), *residual_block(filters, 1)):
            network.add(layer)
    for layer in (layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")):
        network.add(layer)
    return losses.CategoricalCrossentropy()(classes(2), network(images(2, 16, 16, 3), training=True))


def lstm() -> Tensor:
    network = models.Sequential([layers.LSTM(8, return_sequences=True), layers.LSTM(8), layers.Dense(1)])
    return losses.MeanSquaredError()(np.zeros((4, 1), "float32"), network(images(4, 12, 3)))


def attention() -> Tensor:
    tokens = layers.Input((6,), dtype="int64", name="tokens")
    x = layers.Embedding(50, 16)(tokens)
    for _ in range(4):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 8)(x, x)]))
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(16)(layers.Dense(64, activation="gelu")(x))]))
    network = models.Model(tokens, layers.Dense(50)(x))
    logits = network(ag.tensor(np.zeros((2, 6), "int64"), name="tokens"))
    return losses.SparseCategoricalCrossentropy(from_logits=True)(np.zeros((2, 6), "int64"), logits)


def siamese() -> Tensor:
    tower = models.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)], name="tower")
    first, second = (tower(ag.tensor(np.ones((3, 6), "float32"), name=name)) for name in ("left", "right"))
    distance = ((first - second) ** 2).sum(axis=-1)
    loss = np.maximum(1.0 - distance, 0.0).mean()
    loss.name = "contrastive"
    return loss


def three_losses() -> list[Tensor]:
    trunk = models.Sequential([layers.Dense(16, activation="relu"), layers.Dense(16, activation="relu")], name="trunk")
    x = trunk(images(4, 12))
    results = [
        losses.CategoricalCrossentropy(from_logits=True)(classes(4), layers.Dense(10)(x)),
        losses.MeanSquaredError()(np.zeros((4, 2), "float32"), layers.Dense(2)(x)),
        losses.BinaryCrossentropy(from_logits=True)(np.ones((4, 1), "float32"), layers.Dense(1)(x)),
    ]
    for name, loss in zip(("label", "box", "presence"), results, strict=True):
        loss.name = name
    return results


def gan() -> list[Tensor]:
    generator = models.Sequential([layers.Dense(16, activation="relu"), layers.Dense(12)], name="generator")
    judge = models.Sequential([layers.Dense(16, activation="relu"), layers.Dense(1)], name="discriminator")
    fake = generator(ag.tensor(np.ones((4, 8), "float32"), name="noise"))
    cross = losses.BinaryCrossentropy(from_logits=True)
    on_fake, ones, zeros = judge(fake), np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")
    of_judge = cross(ones, judge(ag.tensor(np.ones((4, 12), "float32"), name="real"))) + cross(zeros, on_fake)
    of_generator = cross(ones, on_fake)
    of_judge.name, of_generator.name = "loss_d", "loss_g"
    return [of_judge, of_generator]


def second_order() -> Tensor:
    """A penalty on the slope of a network, as in WGAN-GP."""
    critic = models.Sequential([layers.Dense(16, activation="tanh"), layers.Dense(1)], name="critic")
    x = ag.tensor(np.ones((4, 6)), requires_grad=True, name="x")
    critic(x).sum().backward(create_graph=True)
    assert x.grad is not None
    penalty = ((np.sqrt((x.grad**2).sum(axis=-1)) - 1.0) ** 2).mean()
    penalty.name = "penalty"
    return penalty


def loop() -> Tensor:
    weight, h = parameter("weight", 4, 4), parameter("h0", 2, 4)

    def step(state: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        state = np.tanh(state @ weight + x)
        return state, (state**2).sum()

    last, energies = ag.scan(step, h, ag.tensor(np.ones((10, 2, 4)), name="xs"))
    return energies.sum() + last.mean()


def leaves() -> Tensor:
    values = [parameter(f"v{i}", 4) for i in range(30)]
    return (np.concatenate(values) ** 2).sum()


def reuse() -> Tensor:
    shared, x = parameter("shared", 6, 6), ag.tensor(np.ones((2, 6)), name="x")
    for i in range(23):
        x = np.tanh(x @ shared) if i % 3 else np.sin(x @ shared + 1.0)
    return (x**2).mean()


def many_calls() -> Tensor:
    layer = layers.Dense(4, activation="tanh")
    x = ag.tensor(np.ones((2, 4), "float32"), name="x")
    for _ in range(667):
        x = layer(x)
    return x.sum()


def tied() -> Tensor:
    embedding, hidden = layers.Embedding(30, 8), layers.Dense(8, activation="tanh")
    h = hidden(embedding(ag.tensor(np.zeros((2, 5), "int64"), name="tokens")))
    return losses.SparseCategoricalCrossentropy(from_logits=True)(np.zeros((2, 5), "int64"), h @ embedding.embeddings.T)


def vae() -> Tensor:
    encoder = models.Sequential([layers.Dense(32, activation="relu"), layers.Dense(8)], name="encoder")
    decoder = models.Sequential([layers.Dense(32, activation="relu"), layers.Dense(12)], name="decoder")
    x = images(4, 12)
    code = encoder(x)
    mean, log_variance = code[:, :4], code[:, 4:]
    z = mean + np.exp(0.5 * log_variance) * ag.random.normal((4, 4)).astype("float32")
    mean.name, log_variance.name, z.name = "mean", "log_variance", "z"
    reconstruction = ((decoder(z) - x) ** 2).sum(axis=-1).mean()
    divergence = -0.5 * (1.0 + log_variance - mean**2 - np.exp(log_variance)).sum(axis=-1).mean()
    reconstruction.name, divergence.name = "reconstruction", "divergence"
    loss = reconstruction + divergence
    loss.name = "elbo"
    return loss


def unet() -> Tensor:
    x = layers.Input((32, 32, 1))
    down, h = [], x
    for n in (4, 8, 16):
        h = layers.Conv2D(n, 3, padding="same", activation="relu")(h)
        down.append(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(h)
    for n, skip in zip((16, 8, 4), reversed(down), strict=True):
        h = layers.Concatenate()([layers.UpSampling2D()(h), skip])
        h = layers.Conv2D(n, 3, padding="same", activation="relu")(h)
    network = models.Model(x, layers.Conv2D(1, 1)(h))
    return losses.MeanSquaredError()(np.zeros((1, 32, 32, 1), "float32"), network(images(1, 32, 32, 1)))


def mixture() -> Tensor:
    data = ag.tensor(np.linspace(-2.0, 2.0, 20), name="data")
    weights, means, scales = (parameter(name, 3) for name in ("weights", "means", "scales"))
    log_p = ag.log_softmax(weights) - ((data[:, None] - means) / np.exp(scales)) ** 2 / 2 - scales
    return -ag.logsumexp(log_p, axis=-1).mean()


def statistics() -> Tensor:
    mean, scale = parameter("mean"), parameter("scale")
    return -stats.norm.logpdf(np.linspace(-1.0, 1.0, 9), mean, np.exp(scale)).sum()


def differential_equation() -> Tensor:
    rates = parameter("rates", 4)

    def predators(t: Tensor, y: Tensor) -> Tensor:
        return np.stack([rates[0] * y[0] - rates[1] * y[0] * y[1], rates[2] * y[0] * y[1] - rates[3] * y[1]])

    y, dt = ag.tensor(np.array([1.0, 0.5]), name="y0"), 0.1
    for k in range(25):  # the classical method of Runge and Kutta
        a = predators(k * dt, y)
        b = predators(k * dt, y + dt / 2 * a)
        c = predators(k * dt, y + dt / 2 * b)
        y = y + dt / 6 * (a + 2.0 * b + 2.0 * c + predators(k * dt, y + dt * c))
    return ((y - 1.0) ** 2).sum()


def optimizer_step() -> Tensor:
    weights = {f"dense_{i}.kernel": parameter(f"dense_{i}.kernel", 4, 4) for i in range(12)}
    moments = {name: ag.tensor(np.zeros((4, 4)), name=f"{name}.moment") for name in weights}

    def loss(current: dict[str, Tensor]) -> Tensor:
        h = ag.tensor(np.ones((2, 4)), name="x")
        for w in current.values():
            h = np.tanh(h @ w)
        return (h * h).mean()

    loss(weights).backward(create_graph=True)
    moved = {name: w - 0.1 * (0.9 * moments[name] + w.grad) for name, w in weights.items()}  # type: ignore[operator]
    return loss(moved)


def adam() -> Tensor:
    """The loss after a step of Adam for 50 layers, written by hand."""
    weights = {f"w{i}": parameter(f"w{i}", 4, 4) for i in range(50)}

    def loss(current: dict[str, Tensor]) -> Tensor:
        h = ag.tensor(np.ones((2, 4)), name="x")
        for w in current.values():
            h = np.tanh(h @ w)
        return (h * h).mean()

    slopes = ag.grad(loss)(weights)
    first, second = ({name: 0.1 * g**power for name, g in slopes.items()} for power in (1, 2))
    return loss({name: w - 0.01 * first[name] / (np.sqrt(second[name]) + 1e-8) for name, w in weights.items()})


def inner_loop() -> Tensor:
    """Five steps of gradient descent for one task, and the loss after them on other data, as in MAML."""
    weights = {f"{name}_{i}": parameter(f"{name}_{i}", *(4, 4)[:n]) for i in range(2) for n, name in _PARTS}

    def loss(current: dict[str, Tensor], x: Tensor) -> Tensor:
        for i in range(2):
            x = np.tanh(x @ current[f"kernel_{i}"] + current[f"bias_{i}"])
        return (x**2).mean()

    support, query = (ag.tensor(np.ones((5, 4)), name=name) for name in ("support", "query"))
    for _ in range(5):
        slopes = ag.grad(loss)(weights, support)
        weights = {name: w - 0.1 * slopes[name] for name, w in weights.items()}
    return loss(weights, query)


_PARTS = (2, "kernel"), (1, "bias")


def heads() -> list[Tensor]:
    """A loss for each of twelve tasks, side by side: too wide for a picture."""
    x, results = ag.tensor(np.ones((4, 8)), name="x"), []
    for i in range(12):
        result = np.tanh(x @ parameter(f"head_{i}.kernel", 8, 3) + parameter(f"head_{i}.bias", 3)).sum()
        result.name = f"loss_of_task_{i}"
        results.append(result)
    return results


def stages() -> list[Tensor]:
    """A chain, every tensor of which is a result."""
    x, results = parameter("x", 3), []
    for i in range(12):
        x = np.tanh(x * parameter(f"w{i}", 3))
        x.name = f"h{i}"
        results.append(x)
    return results


def mapped() -> Tensor:
    weights = parameter("weights", 5, 3)
    return ag.vmap(lambda w: np.tanh(w @ np.ones((3, 3))).sum() ** 2)(weights).sum()


def spectrum() -> Tensor:
    signal = parameter("signal", 64)
    power = np.abs(np.fft.rfft(signal * np.hanning(64))) ** 2
    power.name = "power"
    return np.log(power + 1e-6).mean()


def plain() -> Tensor:
    """NumPy without a name: a normalized regression, written out."""
    rng = np.random.default_rng(0)
    w = ag.tensor(rng.normal(size=(5, 1)), requires_grad=True)
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 1))
    residual = (x - x.mean(0)) / x.std(0) @ w - y
    return np.sqrt((residual**2).mean()) + 0.1 * np.abs(w).sum()


def named_weights() -> Tensor:
    """A transformer of two blocks as a function of a dict of named weights, without modules."""
    return transformer(6)


def by_hand() -> Tensor:
    """A deep network by hand, whose parameters have the names that layers would give them."""
    h = ag.tensor(np.ones((4, 8)), name="x")
    for i in range(40):
        kernel, bias = parameter(f"dense_{i}.kernel", 8, 8), parameter(f"dense_{i}.bias", 8)
        h = np.tanh(h @ kernel + bias) if i % 2 else np.maximum(h @ kernel + bias, 0.0)
    return (h**2).mean()


def backward(make: Callable[[], Tensor | list[Tensor]]) -> Callable[[], Drawn]:
    return lambda: Drawn(build_graph(make(), backward=True))


def forward(make: Callable[[], Tensor | list[Tensor]]) -> Callable[[], Drawn]:
    return lambda: Drawn(build_graph(make()))


def compiled() -> Drawn:
    step = ag.compile(ag.value_and_grad(lambda w: (np.tanh(np.ones((4, 6)) @ w * 1.0) ** 2).mean()))
    for _ in range(3):
        step(np.ones((6, 3)))
    return Drawn(*step.changes().merge())


def differences() -> Drawn:
    before = build_graph(mlp(), backward=True)
    network = models.Sequential([layers.Dense(16, activation="tanh") for _ in range(3)] + [layers.Dense(10)])
    after = build_graph(
        losses.CategoricalCrossentropy(from_logits=True)(classes(4), network(images(4, 12))), backward=True
    )
    return Drawn(after, diff(before, after))


def with_overlay(make: Callable[[], Tensor | list[Tensor]], overlay: Overlaid) -> Callable[[], Drawn]:
    return lambda: Drawn(build_graph(make(), backward=True), overlay)


def memory() -> Drawn:
    graph = build_graph(cnn(), backward=True)
    return Drawn(graph, graph.memory())


KINDS: dict[str, Callable[[], Drawn]] = {
    "MLP": forward(mlp),
    "MLP, backward": backward(mlp),
    "CNN": forward(cnn),
    "ResNet": forward(resnet),
    "ResNet, backward": backward(resnet),
    "LSTM": forward(lstm),
    "attention": forward(attention),
    "attention, backward": backward(attention),
    "Siamese": forward(siamese),
    "three losses": forward(three_losses),
    "GAN": forward(gan),
    "GAN, backward": backward(gan),
    "second order": forward(second_order),
    "scan": forward(loop),
    "unrolled loop": forward(lambda: recurrent(40)),
    "30 leaves": forward(leaves),
    "reuse": forward(reuse),
    "reuse, backward": backward(reuse),
    "2,000 calls": forward(many_calls),
    "irregular": forward(lambda: irregular(1200)),
    "cost": with_overlay(resnet, "flops"),
    "saved bytes": with_overlay(attention, "saved"),
    "memory": memory,
    "differences": differences,
    "tied weights": forward(tied),
    "VAE": forward(vae),
    "VAE, backward": backward(vae),
    "U-Net": forward(unet),
    "mixture": forward(mixture),
    "statistics": forward(statistics),
    "differential equation": forward(differential_equation),
    "optimizer step": forward(optimizer_step),
    "Adam": forward(adam),
    "inner loop": backward(inner_loop),
    "12 results": forward(heads),
    "12 results, backward": backward(stages),
    "vmap": forward(mapped),
    "spectrum": forward(spectrum),
    "plain NumPy": forward(plain),
    "named weights": backward(named_weights),
    "by hand": forward(by_hand),
    "compiled": compiled,
}
