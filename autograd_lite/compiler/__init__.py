"""Compilation: programs become plans, and plans become code that replays them."""
