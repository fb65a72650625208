"""Passes from one program to another, which compile runs, and the order that it runs them in."""
