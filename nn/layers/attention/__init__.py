"""Attention, its masks, scores and positions."""
