"""7,000 digits of MNIST, for `nn.datasets.mnist.load_sample` of autograd-lite; their licence is CC-BY-SA-3.0."""
