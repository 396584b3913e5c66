"""Training of WGAN-QC (Liu, Gu and Samaras 2019, "Wasserstein GAN with Quadratic Transport Cost").

In each step the optimal transport between a batch of real and a batch of generated vectors is solved exactly, with the
cost K / 2 times the squared distance, K = 1 / dimension. The critic learns its dual potentials, u of real and v of
generated vectors, and its gradient at a generated vector is held to the length that the transport demands there:

    1/2 (mean D(r) - mean u)^2 + 1/2 mean_j (D(g_j) - v_j)^2 + 4 sqrt(K) gamma R
    R = 1/2 mean_j (|grad D(g_j)| / (2 sqrt(K)) - sqrt(K) / 2 |r_i(j) - g_j|)^2

where i(j) is the real vector that goes to g_j. Then the generator takes one step against -mean D(g).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize import transport
from pseudovox.core.seeds import generator, seed_for
from pseudovox.models.wgan import Critic, Generator

if TYPE_CHECKING:
    from pseudovox.kinds.strategies.wgan import Training

log = logging.getLogger("pseudovox")
BETAS = (0.5, 0.999)  # of Adam
REPORTS = 10  # lines of progress


@dataclass(frozen=True)
class Targets:
    """What the critic is to say of a batch.

    Attributes:
        real: (), the mean of the potentials of real vectors; generated: (batch,), the potentials of generated ones.
        sources: (batch, dimension), the real vector that each generated one is fed by.
    """

    real: torch.Tensor
    generated: torch.Tensor
    sources: torch.Tensor


def costs(real: torch.Tensor, made: torch.Tensor) -> np.ndarray:
    """Half the squared distances of vectors (n, dimension) to others (m, dimension), by dimension; float64 (n, m)."""
    squared = torch.cdist(real.detach().double(), made.detach().double()).square()
    return np.asarray((0.5 * squared / real.shape[1]).numpy())


def targets(real: torch.Tensor, made: torch.Tensor) -> Targets:
    """Solve the transport of a batch of real vectors (batch, dimension) to as many generated ones."""
    found = transport.solve(costs(real, made))
    potentials = torch.as_tensor(found.taken, dtype=made.dtype)
    return Targets(torch.tensor(found.given.mean(), dtype=made.dtype), potentials, real[found.source_of])


def gradient_penalty(gradients: torch.Tensor, made: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """R above, a scalar, by the critic's gradients at generated vectors and what feeds these; (batch, dimension)."""
    root = made.shape[1] ** -0.5
    lengths = gradients.square().sum(1).add(1e-16).sqrt()
    distances = (sources - made).norm(dim=1)
    return 0.5 * (lengths / (2 * root) - root / 2 * distances).square().mean()


def critic_loss(
    critic: Callable[[torch.Tensor], torch.Tensor], real: torch.Tensor, made: torch.Tensor, gamma: float
) -> torch.Tensor:
    """The critic's loss on a batch, a scalar.

    Args:
        critic: from vectors to numbers (batch,).
        real, made: vectors (batch, dimension).
        gamma: weight of the regulariser.
    """
    wanted = targets(real, made)
    made = made.detach().requires_grad_()
    of_made = critic(made)
    (gradients,) = torch.autograd.grad(of_made.sum(), made, create_graph=True)
    loss = 0.5 * (critic(real).mean() - wanted.real).square() + 0.5 * (of_made - wanted.generated).square().mean()
    weight = 4 * gamma * made.shape[1] ** -0.5
    return loss + weight * gradient_penalty(gradients, made.detach(), wanted.sources)


@dataclass(frozen=True)
class Trained:
    """A trained generator.

    Attributes:
        vectors: float32 (count, dimension), what it makes of `count` draws of noise.
        steps: of the training.
        distance: root mean squared distance of generated to held-out vectors under the optimal transport, before and
            after the training; NaN where nothing was held out.
    """

    vectors: np.ndarray
    steps: int
    distance: tuple[float, float]


def train(vectors: np.ndarray, options: Training, count: int, seed: int) -> Trained:
    """Train on vectors, and generate.

    Args:
        vectors: (n, dimension), at the scale that the networks are to see; two or more.
        options: section `pseudo.wgan`.
        count: vectors to generate.
        seed: decides weights, noise, and the order of the vectors.
    """
    from pseudovox.stage.parallel import one_thread

    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "wgan"))
        return _train(torch.as_tensor(vectors, dtype=torch.float32), options, count, seed)


def _train(vectors: torch.Tensor, options: Training, count: int, seed: int) -> Trained:
    order = generator(seed, "wgan-held-out").permutation(len(vectors))
    held = int(options.held_out * len(vectors))
    unheard, heard = vectors[order[:held]], vectors[order[held:]]
    batch = min(options.batch_size, len(heard))
    sizes = {"side": options.side, "filters": options.filters, "most_filters": options.most_filters}
    made_by = Generator(vectors.shape[1], options.noise, **sizes)
    critic = Critic(vectors.shape[1], **sizes)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=options.learning_rate, betas=BETAS) for network in (made_by, critic)
    ]

    def noise(rows: int) -> torch.Tensor:
        return torch.randn(rows, options.noise)

    def step(real: torch.Tensor) -> tuple[float, float]:
        optimizers[1].zero_grad()
        of_critic = critic_loss(critic, real, made_by(noise(batch)).detach(), options.gamma)
        of_critic.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        of_generator = -critic(made_by(noise(batch))).mean()
        of_generator.backward()
        optimizers[0].step()
        return of_critic.item(), of_generator.item()

    before = _distance(made_by, unheard, options)
    steps = 0
    for cycle in range(options.cycles):
        drawn = torch.randperm(len(heard))
        losses = [step(heard[drawn[start : start + batch]]) for start in range(0, len(heard) - batch + 1, batch)]
        steps += len(losses)
        if (cycle + 1) % max(1, options.cycles // REPORTS) == 0 or cycle + 1 == options.cycles:
            means = np.mean(losses, axis=0)
            log.info(
                "wgan: cycle %d of %d  critic %.4f  generator %.4f  distance to held-out vectors %.4f",
                cycle + 1, options.cycles, means[0], means[1], _distance(made_by, unheard, options),
            )  # fmt: skip
    after = _distance(made_by, unheard, options)
    made_by.eval()
    with torch.inference_mode():
        made = [made_by(noise(min(4096, count - start))) for start in range(0, count, 4096)]
    return Trained(torch.cat(made).numpy(), steps, (before, after))


def _distance(made_by: Generator, unheard: torch.Tensor, options: Training) -> float:
    """Root mean squared distance, by dimension, of held-out to as many generated vectors under the transport."""
    if len(unheard) < 2:
        return float("nan")
    rows = min(len(unheard), 256)
    fixed = torch.Generator().manual_seed(0)  # so that the training is the same whether it is reported or not
    made_by.eval()
    with torch.inference_mode():
        cost = costs(unheard[:rows], made_by(torch.randn(rows, options.noise, generator=fixed)))
    made_by.train()
    found = transport.solve(cost)
    return float(np.sqrt(2 * cost[found.source_of, np.arange(rows)].mean()))
