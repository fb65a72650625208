"""The demo: what it prints and writes, with the full set, without it, and without matplotlib."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from nn.datasets import DatasetError, mnist
from nn.utils import demo


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline: the sample's first 512 and 200 digits, with the sample's message."""
    (x, y), (x_test, y_test) = mnist.load_sample()
    monkeypatch.setattr(mnist, "available", lambda: (False, "MNIST: using the embedded sample"))
    monkeypatch.setattr(mnist, "load_sample", lambda: ((x[:512], y[:512]), (x_test[:200], y_test[:200])))


@pytest.mark.usefixtures("few_digits")
def test_it_trains_and_says_where_the_pictures_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "new" / "folder"
    assert demo.main(["--epochs", "2", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "MNIST: using the embedded sample"
    (accuracy,) = (line for line in lines if line.startswith("Test accuracy: "))
    assert 0.5 < float(accuracy.split()[2]) <= 1
    assert lines[-2:] == [
        f"Graph of the network: {out / 'network.svg'}",
        f"Loss and accuracy:    {out / 'training.png'}",
    ]
    svg = (out / "network.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    for text in ("images", "matmul", "(784, 512)", "relu", "(512, 10)", "softmax"):
        assert text in svg
    assert (out / "training.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("few_digits")
def test_without_matplotlib_it_says_how_to_get_the_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"] or ["matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert demo.main(["--epochs", "1", "--out", str(tmp_path)]) == 0
    assert "pip install 'autograd-lite[plot]'" in capsys.readouterr().out.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["network.svg"]


@pytest.mark.usefixtures("few_digits")
def test_a_damaged_full_set_is_reported_and_the_sample_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged() -> None:
        raise DatasetError("mnist: train-images is damaged")

    monkeypatch.setattr(mnist, "available", lambda: (True, "MNIST: the full set"))
    monkeypatch.setattr(mnist, "load_data", damaged)
    (x, y), (x_test, _) = demo.load_digits()
    assert capsys.readouterr().out == (
        "mnist: train-images is damaged\nUsing the embedded sample of 7,000 digits instead.\n"
    )
    assert (x.shape, y.shape, len(x_test)) == ((512, 784), (512, 10), 200)
    assert x.dtype == y.dtype == np.float32
    assert x.min() == 0
    assert x.max() == 1


@pytest.mark.parametrize("epochs", ["0", "-1", "two"])
def test_epochs_are_a_whole_number_above_0(epochs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        demo.main([f"--epochs={epochs}"])
    assert f"expected a whole number above 0; received '{epochs}'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="2"):
        demo.main(["--out", str(tmp_path / "file")])
    assert "expected a folder that can be written to" in capsys.readouterr().err
