"""Distances between vectors, and the losses that compare them or leave a margin."""

from __future__ import annotations

from collections.abc import Callable

from tandem import _core
from tandem._boundary import public
from tandem.nn._losses import reduced

Tensor = _core.Tensor


@public
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Return the p-norms of x1 - x2 + eps along the last axis.

    >>> td.nn.functional.pairwise_distance(td.asarray([3., 4.]), td.zeros((2,)), eps=0.)
    tensor(5., dtype=float32)
    """
    from tandem.linalg import vector_norm

    return vector_norm(x1 - x2 + eps, axis=-1, keepdims=keepdim, ord=p)


@public
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosines of the angles between vectors along an axis, whose norms count as eps at least.

    >>> td.nn.functional.cosine_similarity(td.asarray([1., 0.]), td.asarray([3., 4.]), dim=0)
    tensor(0.6, dtype=float32)
    """

    def unit(x: Tensor) -> Tensor:
        norm = _core.sqrt(_core.sum(x * x, axis=dim, keepdims=True))
        return x / _core.maximum(norm, eps)

    shape = _core._broadcast_shape([x1.shape, x2.shape])
    return _core.sum(unit(_core.broadcast_to(x1, shape)) * unit(_core.broadcast_to(x2, shape)), axis=dim)


@public
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norms of the differences of all pairs of rows of [n, d], as [n (n - 1) / 2].

    >>> td.nn.functional.pdist(td.asarray([[0., 0.], [3., 4.], [0., 4.]]))
    tensor([5., 4., 3.], dtype=float32)
    """
    from tandem.linalg import vector_norm

    if input.ndim != 2:
        raise _core.ShapeError(f"pdist: got the shape {input.shape}; need [rows, numbers]")
    rows = int(input.shape[0])
    if rows < 2:
        return _core.zeros((0,), dtype=input.dtype, device=input._place)
    return _core.concat([vector_norm(input[i : i + 1] - input[i + 1 :], axis=-1, ord=p) for i in range(rows - 1)])


def _hinge(x: Tensor) -> Tensor:
    return _core.maximum(x, 0)


@public
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """Return max(0, margin - target * (input1 - input2)), reduced; target is 1 or -1.

    >>> td.nn.functional.margin_ranking_loss(td.asarray([1.]), td.asarray([3.]), td.asarray([1.]))
    tensor(2., dtype=float32)
    """
    return reduced("margin_ranking_loss", _hinge(-target * (input1 - input2) + margin), reduction)


@public
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Return input where target is 1, and max(0, margin - input) where it is -1, reduced.

    >>> td.nn.functional.hinge_embedding_loss(td.asarray([0.25]), td.asarray([-1.]))
    tensor(0.75, dtype=float32)
    """
    zero = _core.zeros((), dtype=input.dtype)
    near = _core.where(_core.equal(target, 1), zero, _hinge(margin - input))
    far = _core.where(_core.equal(target, -1), zero, input)
    return reduced("hinge_embedding_loss", near + far, reduction)


@public
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return log(1 + exp(-target * input)), reduced; target is 1 or -1.

    >>> td.nn.functional.soft_margin_loss(td.asarray([-1000.]), td.asarray([1.]))
    tensor(1000., dtype=float32)
    """
    x = target * input
    loss = _core.log1p(_core.exp(-_core.abs(x))) + _core.maximum(-x, 0)
    return reduced("soft_margin_loss", loss, reduction)


@public
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """Return 1 - cos(input1, input2) where target is 1, and max(0, cos - margin) where it is -1, reduced.

    >>> F = td.nn.functional
    >>> F.cosine_embedding_loss(td.asarray([1., 0.]), td.asarray([0., 1.]), td.asarray(1))
    tensor(1., dtype=float32)
    """
    tiny = 1e-12  # PyTorch's, of the squares

    def square(a: Tensor, b: Tensor) -> Tensor:
        return _core.sum(a * b, axis=-1)

    cosine = square(input1, input2) / _core.sqrt((square(input1, input1) + tiny) * (square(input2, input2) + tiny))
    zero = _core.zeros((), dtype=cosine.dtype)
    alike = _core.where(_core.equal(target, 1), 1 - cosine, zero)
    other = _core.where(_core.equal(target, -1), _hinge(cosine - margin), zero)
    return reduced("cosine_embedding_loss", alike + other, reduction)


def _of_target(input: Tensor, target: Tensor) -> Tensor:
    """Return [batch, 1] elements of input at the classes of target."""
    return _core.take_along_axis(input, _core.expand_dims(target, axis=-1), axis=-1)


@public
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over other classes of max(0, margin - x[target] + x)^p, reduced; weight: a factor per class.

    >>> td.nn.functional.multi_margin_loss(td.asarray([[0., 1.]]), td.asarray([0]))
    tensor(1., dtype=float32)
    """
    if p not in (1, 2) or input.ndim not in (1, 2):
        raise _core.ArgumentError(
            f"multi_margin_loss: got p={p} and the shape {input.shape}; need 1 or 2, and [batch, classes]"
        )
    x, classes = input.reshape((-1, input.shape[-1])), target.reshape((-1,))
    terms = _hinge(x - _of_target(x, classes) + margin)
    terms = terms * terms if p == 2 else terms
    if weight is not None:
        terms = terms * _core.expand_dims(_core.take(weight, classes, axis=0), axis=-1)
    places = _core.arange(x.shape[-1], dtype=classes.dtype, device=x._place)
    own = _core.equal(places, _core.expand_dims(classes, axis=-1))
    loss = _core.mean(_core.where(own, _core.zeros((), dtype=terms.dtype), terms), axis=-1)
    loss = loss.reshape(tuple(target.shape))
    return reduced("multi_margin_loss", loss, reduction)


@public
def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the sum over labels and other classes of max(0, 1 - x[label] + x[other]), over all classes, reduced.

    target lists the labels of each row; the first -1 ends the list.

    >>> td.nn.functional.multilabel_margin_loss(td.asarray([[0., 1.]]), td.asarray([[0, -1]]))
    tensor(1., dtype=float32)
    """
    if input.ndim not in (1, 2) or tuple(input.shape) != tuple(target.shape):
        raise _core.ShapeError(
            f"multilabel_margin_loss: got the shape {input.shape} and target {target.shape}; need [batch, classes] both"
        )
    x, labels = input.reshape((-1, input.shape[-1])), target.reshape((-1, input.shape[-1]))
    ended = _core.cumsum(_core.less(labels, 0).astype(_core.int64), axis=-1)
    valid = _core.equal(ended, 0)
    labels = _core.where(valid, labels, _core.zeros((), dtype=labels.dtype))
    places = _core.arange(x.shape[-1], dtype=labels.dtype, device=x._place)
    # [batch, place in the list, class]
    hit = _core.logical_and(_core.expand_dims(valid, axis=2), _core.equal(places, _core.expand_dims(labels, axis=2)))
    is_label = _core.any(hit, axis=1)
    own = _core.take_along_axis(x, labels, axis=-1)
    terms = _hinge(1 - _core.expand_dims(own, axis=2) + _core.expand_dims(x, axis=1))
    counted = _core.logical_and(
        _core.expand_dims(valid, axis=2), _core.logical_not(_core.expand_dims(is_label, axis=1))
    )
    terms = _core.where(counted, terms, _core.zeros((), dtype=terms.dtype))
    loss = _core.sum(terms, axis=(1, 2)) / x.shape[-1]
    return reduced("multilabel_margin_loss", loss.reshape(tuple(input.shape)[:-1]), reduction)


@public
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return the mean over classes of the binary cross entropy of sigmoid(input), reduced; weight: a factor per class.

    >>> td.nn.functional.multilabel_soft_margin_loss(td.asarray([[-1000.]]), td.asarray([[1.]]))
    tensor(1000., dtype=float32)
    """
    soft = _core.log1p(_core.exp(-_core.abs(input)))
    loss = target * (soft + _core.maximum(-input, 0)) + (1 - target) * (soft + _core.maximum(input, 0))
    if weight is not None:
        loss = loss * weight
    return reduced("multilabel_soft_margin_loss", _core.mean(loss, axis=-1), reduction)


def _triplet(what: str, near: Tensor, far: Tensor, margin: float, reduction: str) -> Tensor:
    return reduced(what, _hinge(near - far + margin), reduction)


@public
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, d(anchor, positive) - d(anchor, negative) + margin) of pairwise_distance, reduced.

    swap: the distance of positive and negative counts where it is smaller than that of anchor and negative.

    >>> a, b = td.asarray([[0., 0.]]), td.asarray([[3., 4.]])
    >>> td.nn.functional.triplet_margin_loss(a, b, b)
    tensor(1., dtype=float32)
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


@public
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return triplet_margin_loss of any distance; pairwise_distance by default.

    >>> a, b = td.asarray([[0., 0.]]), td.asarray([[3., 4.]])
    >>> td.nn.functional.triplet_margin_with_distance_loss(a, b, b)
    tensor(1., dtype=float32)
    """
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = _core.minimum(far, distance(positive, negative))
    return _triplet("triplet_margin_with_distance_loss", near, far, margin, reduction)
