"""Fuzzing of everything that reads what others may have written; see `readers`."""
