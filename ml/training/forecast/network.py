"""The network and how it is fitted: on the CPU, or a GPU where there is one, the same for the same seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn
from torch.nn import functional

from lakehouse.risk.checks import FloatArray
from ml.features.returns import NAMES
from ml.inference.forecast import LAYERS, LEVELS


class Network(nn.Module):
    """Inputs (B, 27, features) to quantiles and volatility (B, levels + 1), in units of the scale.

    Untrained it says what the baseline says: normal quantiles at the scale.
    """

    def __init__(self, hidden: int, levels: tuple[float, ...] = LEVELS) -> None:
        super().__init__()
        self.first = nn.Linear(3 * len(NAMES), hidden)
        self.second = nn.Linear(3 * hidden, hidden)
        self.third = nn.Linear(3 * hidden, hidden)
        self.head = nn.Linear(hidden, len(levels) + 1)
        normal = ndtri(np.asarray(levels))
        steps = np.log(np.expm1(np.diff(normal)))
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.copy_(torch.from_numpy(np.concatenate([normal[:1], steps, [0.0]])))

    def forward(self, inputs: Tensor) -> Tensor:
        """See the class; the arithmetic is that of `ml.inference.forecast.forward`."""
        rows = inputs.shape[0]
        state = functional.silu(self.first(inputs.reshape(rows, 9, -1)))
        state = functional.silu(self.second(state.reshape(rows, 3, -1)))
        state = functional.silu(self.third(state.reshape(rows, 1, -1)))
        raw = self.head(state.reshape(rows, -1))
        steps = torch.cat([raw[:, :1], functional.softplus(raw[:, 1:-1])], dim=1)
        return torch.cat([torch.cumsum(steps, dim=1), torch.exp(raw[:, -1:])], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the network is fitted."""

    hidden: int = 16
    epochs: int = 12
    batch: int = 4096
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    volatility_weight: float = 0.2


def device() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def fit(inputs: FloatArray, target: FloatArray, recipe: Recipe, *, seed: int) -> Network:
    """A network fitted to inputs (N, 27, F) and next returns over their scale (N,): pinball loss of the quantiles, and
    QLIKE of the volatility. Returned on the CPU, ready to be exported."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    place = device()
    network = Network(recipe.hidden).to(place)
    x = torch.from_numpy(np.asarray(inputs, dtype=np.float32)).to(place)
    y = torch.from_numpy(np.asarray(target, dtype=np.float32)).to(place)
    optimiser: Any = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * -(-len(x) // recipe.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    order = torch.Generator().manual_seed(seed)
    with _one_thread():
        for _ in range(recipe.epochs):
            for chosen in torch.split(torch.randperm(len(x), generator=order).to(place), recipe.batch):
                optimiser.zero_grad(set_to_none=True)
                loss: Any = _loss(network(x[chosen]), y[chosen], recipe.volatility_weight)
                loss.backward()
                optimiser.step()
                schedule.step()
    return network.cpu().eval()


def arrays_of(network: Network) -> dict[str, FloatArray]:
    """The weights by name, as `ml.inference.forecast` reads them."""
    found = {name: each.detach().numpy().copy() for name, each in network.named_parameters()}
    return {name: found[name] for layer in LAYERS for name in (f"{layer}.weight", f"{layer}.bias")}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads are slower on matrices this small (13 times, measured), and add up in an order of their own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loss(answer: Tensor, target: Tensor, volatility_weight: float) -> Tensor:
    levels = torch.tensor(LEVELS, device=answer.device)
    missed = target[:, None] - answer[:, :-1]
    pinball = torch.maximum(levels * missed, (levels - 1) * missed).mean()
    deviation = answer[:, -1]
    qlike = (torch.log(deviation) + torch.square(target) / (2 * torch.square(deviation))).mean()
    return pinball + volatility_weight * qlike
