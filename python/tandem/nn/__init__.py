"""Neural networks: `functional` holds the functions, with PyTorch's names, argument order and weight layouts."""

from tandem.nn import functional

__all__ = ["functional"]
