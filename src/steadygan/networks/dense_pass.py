"""A dense critic's scores and input gradients in one pass, with the gradient of both by hand.

For critics of linear layers with ReLU or leaky ReLU between. Torch's own way through a step with a
gradient penalty passes over the weights four times and writes their gradients twice; here all
batches share each product, and every weight's gradient is one product, of scores and penalty
together (docs/decisions/0013-double-backward.md has the derivation's source and the measurements).
The mathematics is that of ``steadygan.reference.layers.penalty``, where it is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

_aten = torch.ops.aten


@dataclass(frozen=True)
class DenseLayers:
    """Linear layers, and for each but the last the slope of its activation for negative numbers:
    0 for ReLU, None for no activation."""

    layers: tuple[nn.Linear, ...]
    slopes: tuple[float | None, ...]

    @classmethod
    def of(cls, modules: Iterable[nn.Module]) -> DenseLayers | None:
        """Of modules that are called one after the other; None where they are something else: other
        layers, hooks that would not be called, more than one output."""
        layers: list[nn.Linear] = []
        slopes: list[float | None] = []
        for module in modules:
            if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks:
                return None
            if type(module) is nn.Linear:  # a subclass may do more, as reparametrised layers do
                layers.append(module)
                slopes.append(None)
            elif type(module) in (nn.ReLU, nn.LeakyReLU) and slopes and slopes[-1] is None:
                slope = getattr(module, "negative_slope", 0.0)
                if slope < 0:
                    return None
                slopes[-1] = slope
            elif layers or type(module) is not nn.Flatten or module.start_dim != 1:
                return None
        if not layers or layers[-1].out_features != 1 or slopes[-1] is not None:
            return None
        return cls(tuple(layers), tuple(slopes[:-1]))

    def scores_and_gradients(self, x: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(batch,)`` of ``x`` ``(batch, inputs)``, and at ``points`` ``(n, inputs)`` the
        gradient of each score by its own input, ``(n, inputs)``; both can be differentiated by
        the weights, and by nothing else."""
        dtype = x.dtype
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
        parameters = [each for layer in self.layers for each in (layer.weight, layer.bias)]
        scores, gradients = _Pass.apply(  # type: ignore[no-untyped-call]
            x.detach(), points.detach(), self.slopes, dtype, *parameters
        )
        return scores, gradients


@runtime_checkable
class DenseCritic(Protocol):
    """A critic that may be no more than dense layers."""

    def rows(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """What the first layer takes, ``(batch, inputs)``: the sample's numbers, then what is
        joined to them."""
        ...

    def dense_layers(self) -> DenseLayers | None: ...


def dense_critic(
    critic: nn.Module, x: Tensor
) -> tuple[DenseLayers, Callable[[Tensor, Tensor | None], Tensor]] | None:
    """The layers of ``critic``, and how samples like ``x`` become rows, where it is a
    ``DenseCritic`` or an ``nn.Sequential`` of such layers, and nobody hooked into it."""
    if critic._forward_hooks or critic._forward_pre_hooks or critic._backward_hooks:
        return None
    if isinstance(critic, DenseCritic):
        layers, rows = critic.dense_layers(), critic.rows
    elif type(critic) is nn.Sequential and (x.ndim == 2 or isinstance(critic[0], nn.Flatten)):
        layers, rows = DenseLayers.of(critic), _flat
    else:
        return None
    return None if layers is None else (layers, rows)


def _flat(x: Tensor, y: Tensor | None = None) -> Tensor:
    return x.flatten(1)


class _Pass(Function):
    """g are the scores' gradients by the layers' outputs, t those by what the layers take."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        points: Tensor,
        slopes: Sequence[float | None],
        dtype: torch.dtype,
        *parameters: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        weights = [_as(weight, dtype) for weight in parameters[::2] if weight is not None]
        biases = [None if bias is None else _as(bias, dtype) for bias in parameters[1::2]]
        inputs = [_as(torch.cat([x, points]), dtype)]  # of every layer
        for weight, bias, slope in zip(weights, biases, slopes, strict=False):
            inputs.append(_activated_(_linear(inputs[-1], weight, bias), slope))
        scores = _linear(inputs[-1][: len(x)], weights[-1], biases[-1])
        g = [torch.ones(len(inputs[0]), 1, dtype=dtype, device=x.device)]
        t, ours = weights[-1].expand(len(inputs[0]), -1), False
        for weight, output, slope in zip(weights[-2::-1], inputs[:0:-1], slopes[::-1], strict=True):
            g.insert(0, _masked(t, output, slope, in_place=ours))
            t = _linear(g[0] if weight is not weights[0] else g[0][len(x) :], weight.t())
            ours = True
        gradients = t if len(weights) > 1 else t[len(x) :]
        ctx.save_for_backward(*weights, *inputs, *g)
        ctx.slopes, ctx.count, ctx.out = slopes, len(x), points.dtype
        return _as(scores.squeeze(1), x.dtype), _as(gradients, points.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *by: Tensor) -> tuple[Tensor | None, ...]:
        by_scores, bar = by  # then ∂ loss / ∂ t of the layer at hand, at the points
        layers, n = len(ctx.slopes) + 1, ctx.count
        saved = ctx.saved_tensors
        weights, inputs, g = saved[:layers], saved[layers : 2 * layers], saved[2 * layers :]
        scale = _as(by_scores, weights[0].dtype)[:, None]
        bar = _as(bar, weights[0].dtype)
        found: list[Tensor | None] = []
        for layer in range(layers):
            # W̄ = Σ over samples of g · (∂ loss / ∂ score) · input, and over points of g · t̄. The
            # inputs, needed no more, make room for it: they are most of what a step holds.
            right = inputs[layer]
            right[:n].mul_(scale)
            right[n:].copy_(bar)
            found.append(_as(_linear(g[layer].t(), right.t()), ctx.out))
            wanted = ctx.needs_input_grad[5 + 2 * layer]
            found.append(_as((g[layer][:n].t() @ scale).squeeze(1), ctx.out) if wanted else None)
            if layer + 1 < layers:
                bar = _linear(bar, weights[layer])
                bar = _masked(bar, inputs[layer + 1][n:], ctx.slopes[layer], in_place=True)
        return None, None, None, None, *found


def _as(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values if values.dtype == dtype else values.to(dtype)


def _activated_(z: Tensor, slope: float | None) -> Tensor:
    if slope is None:
        return z
    return functional.leaky_relu_(z, slope) if slope else torch.relu_(z)


def _masked(gradient: Tensor, output: Tensor, slope: float | None, *, in_place: bool) -> Tensor:
    """Back through the activation that gave ``output``, whose sign says which way it took."""
    if slope is None:
        return gradient
    result = gradient if in_place else torch.empty_like(output)
    if slope:
        _aten.leaky_relu_backward(gradient, output, slope, True, grad_input=result)
    else:
        _aten.threshold_backward(gradient, output, 0, grad_input=result)
    return result


# Multiplications in a product from which on oneDNN is faster in float32 than what torch calls for
# it: about twice as fast where measured, and no faster below.
_LARGE = 64 * 256 * 256


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.shape[0] * x.shape[1] * weight.shape[0] >= _LARGE
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    ):
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return result
    return functional.linear(x, weight, bias)
