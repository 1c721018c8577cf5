"""Optimizers, named and configured as in PyTorch, and schedules of their learning rates (`td.optim.lr_scheduler`)."""

from tandem.optim import lr_scheduler
from tandem.optim._lbfgs import LBFGS
from tandem.optim._rules import SGD, Adagrad, Adam, AdamW, Lion, RMSprop
from tandem.optim.optimizer import Optimizer

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Lion", "Optimizer", "RMSprop", "lr_scheduler"]
