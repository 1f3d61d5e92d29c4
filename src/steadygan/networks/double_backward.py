"""Input gradients that can be differentiated again at the price of ordinary passes.

A gradient penalty differentiates the critic twice. Two of torch's own rules make that dearer than
it need be (docs/decisions/0013-double-backward.md has the measurements):

- the gradient of a convolution's input gradient by its weight is computed as a convolution whose
  kernel is as large as an image, where the primitive for weight gradients would do;
- the second derivative of ReLU and leaky ReLU is handed on as a tensor of zeros, which then travels
  back through the whole forward pass: two of six passes for nothing.

Within ``differentiable_gradients`` both are replaced, in any module, the user's own included: a
mode sees the calls that modules make. Everything else is differentiated by torch as always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_aten = torch.ops.aten


def differentiable_gradients(
    score: Callable[[], Tensor], points: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """The gradient of ``score()`` by each of ``points``, with the graph to differentiate it once
    more.

    Args:
        score: computes a number, ``()``, from the points; called once.
        points: tensors that require grad.
    """
    pending = _Pending()
    with _Replacing(pending):
        total = score()
    pending.inputs_only = True
    try:
        return torch.autograd.grad(total, list(points), create_graph=True)
    finally:
        pending.inputs_only = False


@dataclass
class _Pending:
    """Shared by the calls of one pass: whether the backward pass at hand is that to the points.

    A function written in Python is not told which gradients are wanted, and would compute those
    of the weights as well.
    """

    inputs_only: bool = False


class _Replacing(TorchFunctionMode):
    """Sends convolutions and piecewise linear activations to the functions below."""

    def __init__(self, pending: _Pending) -> None:
        super().__init__()
        self.pending = pending

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        replacement = _REPLACEMENTS.get(func)
        result = None
        if replacement is not None:
            result = replacement(self.pending, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {})) if result is None else result


@dataclass(frozen=True)
class _Geometry:
    """The settings of a convolution, in the order in which torch's primitives take them."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]
    groups: int

    def apply(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        result: Tensor = _aten.convolution(x, weight, bias, *vars(self).values())
        return result

    def gradients(
        self, by_output: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """By the input, the weight and the bias, those that are wanted; of the tensor whose
        gradient is asked for only the shape counts."""
        found: tuple[Tensor | None, Tensor | None, Tensor | None] = _aten.convolution_backward(
            by_output, x, weight, [by_output.shape[1]], *vars(self).values(), wanted
        )
        return found


class _Convolution(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: _Geometry,
        pending: _Pending,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.pending = geometry, pending
        ctx.set_materialize_grads(False)
        return geometry.apply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (by_output,) = gradients
        if by_output is None:  # nothing of the second derivative comes this way
            return None, None, None, None, None
        x, weight = ctx.saved_tensors
        if ctx.pending.inputs_only:
            by_x = _call(_InputGradient, by_output, weight, x.detach(), ctx.geometry)
            return by_x, None, None, None, None
        if torch.is_grad_enabled():
            raise RuntimeError("a critic's gradient penalty cannot be differentiated once more.")
        found = ctx.geometry.gradients(by_output, x, weight, tuple(ctx.needs_input_grad[:3]))
        return *found, None, None


class _InputGradient(Function):
    """A convolution's input gradient: linear in the output's gradient and in the weight."""

    @staticmethod
    def forward(
        ctx: Any, by_output: Tensor, weight: Tensor, x: Tensor, geometry: _Geometry
    ) -> Tensor:
        ctx.save_for_backward(by_output, weight)
        ctx.geometry = geometry
        ctx.set_materialize_grads(False)
        by_x, _, _ = geometry.gradients(by_output, x, weight, (True, False, False))
        assert by_x is not None
        return by_x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        if gradient is None:
            return None, None, None, None
        by_output, weight = ctx.saved_tensors
        geometry: _Geometry = ctx.geometry
        by_by_output = by_weight = None
        if ctx.needs_input_grad[0]:
            by_by_output = geometry.apply(gradient, weight, None)
        if ctx.needs_input_grad[1]:
            _, by_weight, _ = geometry.gradients(by_output, gradient, weight, (False, True, False))
        return by_by_output, by_weight, None, None


class _PiecewiseLinear(Function):
    """max(x, 0) + slope · min(x, 0) with slope ≥ 0, whose second derivative is none, not zeros."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        y = functional.leaky_relu(x, slope) if slope else torch.relu(x)
        ctx.save_for_backward(y)
        ctx.slope = slope
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (by_y,) = gradients
        if by_y is None:
            return None, None
        (y,) = ctx.saved_tensors
        # Detached: what the sign of y depends on has no derivative.
        return _call(_Masked, by_y, y.detach(), ctx.slope), None


class _Masked(Function):
    """A gradient on its way back through ``_PiecewiseLinear``: linear in it."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, y: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(y)
        ctx.slope = slope
        ctx.set_materialize_grads(False)
        result: Tensor = (
            _aten.leaky_relu_backward(gradient, y, slope, True)
            if slope
            else _aten.threshold_backward(gradient, y, 0)
        )
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        if gradient is None:
            return None, None, None
        (y,) = ctx.saved_tensors
        return _call(_Masked, gradient, y, ctx.slope), None, None


def _call(function: type[Function], *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


def _convolution(axes: int, *, transposed: bool = False) -> Callable[..., Tensor | None]:
    """Of ``functional.conv…`` and ``conv_transpose…``, which take their settings in this order."""
    order: tuple[str, ...] = ("stride", "padding", "dilation", "groups")
    if transposed:
        order = ("stride", "padding", "output_padding", "groups", "dilation")

    def replacement(
        pending: _Pending,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *settings: Any,
        **named: Any,
    ) -> Tensor | None:
        given = dict(zip(order, settings, strict=False)) | named
        if isinstance(given.get("padding"), str) or input.ndim != axes + 2:
            return None
        geometry = _Geometry(
            _each(given.get("stride", 1), axes),
            _each(given.get("padding", 0), axes),
            _each(given.get("dilation", 1), axes),
            transposed,
            _each(given.get("output_padding", 0), axes),
            given.get("groups", 1),
        )
        return _convolve(pending, input, weight, bias, geometry)

    return replacement


def _convolve(
    pending: _Pending, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry
) -> Tensor:
    kind = x.device.type
    if torch.is_autocast_enabled(kind):  # below this point autocast no longer sees the call
        dtype = torch.get_autocast_dtype(kind)
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return _call(_Convolution, x, weight, bias, geometry, pending)


def _each(setting: Any, axes: int) -> list[int]:
    """A setting given once, or once per axis."""
    values = [setting] if isinstance(setting, int) else list(setting)
    return values * axes if len(values) == 1 else values


def _relu(_: _Pending, input: Tensor, inplace: bool = False) -> Tensor | None:
    return None if inplace else _call(_PiecewiseLinear, input, 0.0)


def _leaky_relu(
    _: _Pending, input: Tensor, negative_slope: float = 0.01, inplace: bool = False
) -> Tensor | None:
    if inplace or negative_slope < 0:
        return None
    return _call(_PiecewiseLinear, input, float(negative_slope))


# Each returns None where it does not apply, and torch's own function is called.
_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Tensor | None]] = {
    functional.conv1d: _convolution(1),
    functional.conv2d: _convolution(2),
    functional.conv3d: _convolution(3),
    functional.conv_transpose1d: _convolution(1, transposed=True),
    functional.conv_transpose2d: _convolution(2, transposed=True),
    functional.conv_transpose3d: _convolution(3, transposed=True),
    functional.relu: _relu,
    torch.relu: _relu,
    Tensor.relu: _relu,
    functional.leaky_relu: _leaky_relu,
}
