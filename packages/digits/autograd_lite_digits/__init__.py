"""7,000 digits of MNIST, which `nn.datasets.mnist.load_sample` of autograd-lite reads; their licence is CC-BY-SA-3.0."""
