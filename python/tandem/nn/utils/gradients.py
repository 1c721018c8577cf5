"""Gradients limited in place, between the backward pass and the step of an optimizer."""

from __future__ import annotations

from collections.abc import Iterable

from tandem import _core
from tandem._boundary import public
from tandem.autograd import no_grad

Tensor = _core.Tensor
Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [x.grad for x in _listed(parameters) if x.grad is not None]


def _gradients_or_nothing(parameters: Tensors) -> list[Tensor]:
    """With those that a captured function knows on some paths only; on the others they hold zeros that nobody reads."""
    found = [_core._grad_where(x)[0] for x in _listed(parameters)]
    return [grad for grad in found if grad is not None]


@public
@no_grad()
def get_total_norm(tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Tensor:
    """Return the norm of all elements of all tensors together.

    error_if_nonfinite: raise NonFiniteError if it is infinite or NaN, which reads its value.

    >>> td.nn.utils.get_total_norm([td.asarray([3.]), td.asarray([4.])])
    tensor(5., dtype=float32)
    """
    from tandem.linalg import vector_norm

    found = _listed(tensors)
    if not found:
        return _core.asarray(0.0)
    norms = [vector_norm(x.reshape((-1,)), ord=float(norm_type)) for x in found]
    wide = _core._result_type(tuple(norms))
    total = (
        norms[0] if len(norms) == 1 else vector_norm(_core.stack([n.astype(wide) for n in norms]), ord=float(norm_type))
    )
    if error_if_nonfinite and not bool(_core.isfinite(total)):
        raise _core.NonFiniteError(
            f"get_total_norm: got a norm of {total.item()}; need a finite one; try td.debug_nans to see where it begins"
        )
    return total


@public
@no_grad()
def clip_grads_with_norm_(parameters: Tensors, max_norm: float, total_norm: Tensor) -> None:
    """Scale the gradients by max_norm / (total_norm + 1e-6), where that is less than 1.

    >>> x = td.asarray([1.]).requires_grad_()
    >>> (x * 10).sum().backward()
    >>> td.nn.utils.clip_grads_with_norm_(x, 1.0, td.asarray(100.))
    >>> round(x.grad.item(), 4)
    0.1
    """
    factor = _core.clip(max_norm / (total_norm + 1e-6), None, 1.0)
    for grad in _gradients_or_nothing(parameters):
        grad[...] = grad * factor.astype(grad.dtype)


@public
def clip_grad_norm_(
    parameters: Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale the gradients of all parameters together down to a norm of at most max_norm; return what it was.

    >>> x = td.asarray([3., 4.]).requires_grad_()
    >>> (x * x / 2).sum().backward()
    >>> td.nn.utils.clip_grad_norm_([x], 1.0)
    tensor(5., dtype=float32)
    >>> [round(g, 4) for g in x.grad.tolist()]
    [0.6, 0.8]
    """
    found = _listed(parameters)
    total = get_total_norm(_gradients(found), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(found, max_norm, total)
    return total


@public
@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float) -> None:
    """Limit every element of the gradients to -clip_value ... clip_value.

    >>> x = td.asarray([3., 0.1]).requires_grad_()
    >>> (x * x / 2).sum().backward()
    >>> td.nn.utils.clip_grad_value_(x, 1.0)
    >>> x.grad
    tensor([1. , 0.1], dtype=float32)
    """
    for grad in _gradients_or_nothing(parameters):
        grad[...] = _core.clip(grad, -float(clip_value), float(clip_value))
