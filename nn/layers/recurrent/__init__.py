"""Recurrent layers, their cells, and what wraps a layer."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .cells import GRUCell as GRUCell, LSTMCell as LSTMCell, SimpleRNNCell as SimpleRNNCell
    from .recurrent import (
        GRU as GRU,
        LSTM as LSTM,
        RNN as RNN,
        SimpleRNN as SimpleRNN,
        StackedRNNCells as StackedRNNCells,
    )
    from .wrapper import SpectralNormalization as SpectralNormalization, Wrapper as Wrapper
    from .wrappers import Bidirectional as Bidirectional, TimeDistributed as TimeDistributed
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
