"""Recurrent layers, their cells, and what wraps a layer."""
