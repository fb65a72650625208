"""What everything else is built on: errors, shapes, the op record, the recording mode, the node. Knows no Tensor."""

VERSION = "0.1.0"  # of the package
