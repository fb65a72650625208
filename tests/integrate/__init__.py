"""Tests of differential equations."""
