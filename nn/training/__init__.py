"""Training: compile, fit, evaluate, predict, and the steps and feeds under them."""

from .trainer import Trainer as Trainer
