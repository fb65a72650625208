"""Rows of the layer contract: recurrent layers, their cells, and the layers around them."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

X = ((2, 3, 2),)
ONE = ((3, 2),)

CASES = [
    LayerCase("SimpleRNNCell", lambda: layers.SimpleRNNCell(3), ONE),
    LayerCase("LSTMCell", lambda: layers.LSTMCell(2, dropout=0.2, recurrent_dropout=0.2), ONE),
    LayerCase("GRUCell", lambda: layers.GRUCell(2), ONE),
    LayerCase("GRUCell, reset before", lambda: layers.GRUCell(2, reset_after=False), ONE),
    LayerCase("StackedRNNCells", lambda: layers.StackedRNNCells([layers.GRUCell(2), layers.SimpleRNNCell(3)]), ONE),
    LayerCase("RNN", lambda: layers.RNN(layers.SimpleRNNCell(2)), X),
    LayerCase("SimpleRNN", lambda: layers.SimpleRNN(3, dropout=0.3, recurrent_dropout=0.3), X),
    LayerCase("SimpleRNN, backwards", lambda: layers.SimpleRNN(2, "relu", go_backwards=True, use_bias=False), X),
    LayerCase("GRU", lambda: layers.GRU(2, return_sequences=True), X),
    LayerCase("GRU, states", lambda: layers.GRU(2, return_state=True, reset_after=False), X),
    LayerCase("LSTM", lambda: layers.LSTM(2), X),
    LayerCase("LSTM, sequences and states", lambda: layers.LSTM(2, return_sequences=True, return_state=True), X),
    LayerCase("LSTM, dropout", lambda: layers.LSTM(2, dropout=0.3, recurrent_dropout=0.3, seed=4), X),
    LayerCase("LSTM, other activations", lambda: layers.LSTM(2, "softplus", "tanh", unit_forget_bias=False), X),
    LayerCase("Bidirectional", lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True)), X),
    LayerCase("Bidirectional, sum", lambda: layers.Bidirectional(layers.SimpleRNN(2), merge_mode="sum"), X),
    LayerCase("TimeDistributed", lambda: layers.TimeDistributed(layers.Dense(3, "tanh")), X),
]
