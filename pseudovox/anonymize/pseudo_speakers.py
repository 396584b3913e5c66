"""Pseudo-speakers: strategies that make an x-vector for a speaker (or an utterance) to be anonymized.

A strategy is fitted on the x-vectors of a pool of speakers, saved, and asked for one vector at a time; every
request brings its own random generator, so what a speaker gets depends on no other. Strategies register
themselves in STRATEGIES under the name that the configuration uses (`pseudo.strategy`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pseudovox.datadir import write_atomic
from pseudovox.errors import DataError, MissingModelError, UsageError
from pseudovox.inputs import check_shapes, read_npz
from pseudovox.seeds import generator, seed_for

if TYPE_CHECKING:
    from pseudovox.anonymize.pseudo_pitch import PitchModel
    from pseudovox.config import PseudoSpeakers
    from pseudovox.datadir import DataDir

log = logging.getLogger("pseudovox")
CARD = "pseudo.json"
MEND = "./run.sh --stage fit --stop-stage fit --force"
LARGEST_TRIES = 1000  # draws for one vector when a threshold is set
GENDERS = ("f", "m")
BOTH = "all"  # names the one model of both genders
OTHER = {"f": "m", "m": "f"}


@dataclass(frozen=True)
class Pool:
    """Speaker-level x-vectors to learn from.

    Attributes:
        vectors: (speakers, dimension).
        genders: "f" or "m" of each.
    """

    vectors: np.ndarray
    genders: tuple[str, ...]

    def of(self, gender: str) -> np.ndarray:
        """The vectors of one gender, or of BOTH; float64 (speakers, dimension)."""
        chosen = [gender in (BOTH, own) for own in self.genders]
        return self.vectors[np.array(chosen, dtype=bool)].astype(np.float64)


@dataclass(frozen=True)
class Source:
    """Who is to be replaced.

    Attributes:
        vector: x-vector (dimension,) of the speaker; the mean of the utterances' in its data dir.
        own: what this request is for: the utterance's x-vector at utterance level, else the same as `vector`.
        gender: wanted of the pseudo-speaker, "f" or "m".
    """

    vector: np.ndarray
    own: np.ndarray
    gender: str


class Strategy:
    """Base of the strategies; a subclass has a name, and is fitted, saved and loaded by these methods."""

    name: ClassVar[str]
    fitted: ClassVar[bool] = True  # False: there is nothing to learn, so it can be used without a fit

    @classmethod
    def fit(cls, pool: Pool, options: PseudoSpeakers, seed: int) -> Strategy:
        """Learn from the pool; `seed` decides every random choice.

        Raises:
            DataError: the pool is too small for the options.
        """
        raise NotImplementedError

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        """A pseudo-speaker's x-vector, float32 (dimension,)."""
        raise NotImplementedError

    def gender_of(self, vector: np.ndarray) -> str:
        """ "f" or "m" for an x-vector (dimension,) whose speaker's gender is not known.

        Raises:
            DataError: the strategy knows nothing of genders.
        """
        raise DataError(
            f"strategy {self.name} cannot tell genders", "put a table `spk2gender` (<speaker> f|m) into the data dir"
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """What `restore` needs, by name."""
        return {}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: PseudoSpeakers) -> Strategy:
        """The fitted strategy from its arrays."""
        return cls()

    def facts(self) -> dict[str, Any]:
        """What a reader of the fit wants to know, for its card."""
        return {}


STRATEGIES: dict[str, type[Strategy]] = {}


def register(strategy: type[Strategy]) -> type[Strategy]:
    """Class decorator: offer a strategy under its name."""
    STRATEGIES[strategy.name] = strategy
    return strategy


def find(name: str) -> type[Strategy]:
    """The strategy of a name; UsageError that lists all."""
    if name not in STRATEGIES:
        raise UsageError(f"pseudo.strategy {name!r}: expected one of {', '.join(sorted(STRATEGIES))}")
    return STRATEGIES[name]


# ---------------------------------------------------------------------- PCA + GMM
@dataclass(frozen=True)
class VoiceModel:
    """A Gaussian mixture with diagonal covariances in a principal subspace of the x-vectors.

    Attributes:
        mean: (dimension,) of the pool.
        components: (size, dimension), orthonormal rows.
        weights: (mixtures,), summing to 1.
        means, variances: (mixtures, size).
    """

    mean: np.ndarray
    components: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws through the inverse PCA, (count, dimension)."""
        edges = np.cumsum(self.weights) / self.weights.sum()
        mixture = np.minimum(np.searchsorted(edges, generator.random(count), side="right"), len(edges) - 1)
        noise = generator.standard_normal((count, self.means.shape[1]))
        return (self.means[mixture] + noise * np.sqrt(self.variances[mixture])) @ self.components + self.mean


@register
class PcaGmm(Strategy):
    """PCA without whitening, then a diagonal GMM, per gender or for both; draws keep the pool's spread.

    Turner, Lovisotto and Martinovic 2020, "Speaker anonymization with distribution-preserving x-vector
    generation". A draw more similar to the source than `threshold` (cosine) is discarded, up to 1000 times; then
    the least similar one is taken.
    """

    name = "pca_gmm"

    def __init__(
        self, models: Mapping[str, VoiceModel], threshold: float, facts: Mapping[str, Any] | None = None
    ) -> None:
        self.models = dict(models)
        self.threshold = threshold
        self._facts = dict(facts or {})

    @classmethod
    def fit(cls, pool: Pool, options: PseudoSpeakers, seed: int) -> PcaGmm:
        genders = (BOTH,) if options.combine_genders else GENDERS
        models, facts = {}, {}
        for gender in genders:
            # scikit-learn takes 32-bit seeds.
            state = seed_for(seed, "pca-gmm", gender) % 2**32
            found = fit_voices(pool.of(gender), options.pca_size, options.gmm_size, state, gender)
            models[gender], facts[gender] = found
        return cls(models, options.threshold, facts)

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        model = self.models.get(source.gender) or self.models[BOTH]
        # All tries are drawn at once, which is much faster than one by one.
        tries = 1 if self.threshold >= 1 else LARGEST_TRIES
        drawn = model.sample(tries, generator)
        if tries == 1:
            return drawn[0].astype(np.float32)
        norms = np.linalg.norm(drawn, axis=1) * np.linalg.norm(source.vector)
        cosine = drawn @ source.vector / np.maximum(norms, 1e-30)
        accepted = np.flatnonzero(cosine <= self.threshold)
        return drawn[accepted[0] if len(accepted) else np.argmin(cosine)].astype(np.float32)

    def gender_of(self, vector: np.ndarray) -> str:
        # The nearer of the pools' means: equal spherical Gaussians, which is all that a pool of tens supports.
        if BOTH in self.models:
            return GENDERS[0]  # either draws from the one model
        return min(GENDERS, key=lambda gender: float(np.linalg.norm(vector - self.models[gender].mean)))

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            f"{gender}.{name}": value for gender, model in self.models.items() for name, value in vars(model).items()
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: PseudoSpeakers) -> PcaGmm:
        models: dict[str, dict[str, np.ndarray]] = {}
        for name, value in arrays.items():
            gender, _, part = name.partition(".")
            models.setdefault(gender, {})[part] = value
        if set(models) not in ({BOTH}, set(GENDERS)):
            raise ValueError(f"models of {', '.join(models) or 'nobody'}; expected {BOTH}, or {' and '.join(GENDERS)}")
        for parts in models.values():
            check_shapes(parts, VOICE_SHAPES)
        return cls({gender: VoiceModel(**parts) for gender, parts in models.items()}, options.threshold)

    def facts(self) -> dict[str, Any]:
        return self._facts


# Of the arrays of a VoiceModel; a name is a size.
VOICE_SHAPES: dict[str, tuple[int | str, ...]] = {
    "mean": ("dimension",),
    "components": ("size", "dimension"),
    "weights": ("mixtures",),
    "means": ("mixtures", "size"),
    "variances": ("mixtures", "size"),
}


def fit_voices(
    vectors: np.ndarray, pca_size: float, gmm_size: int, state: int, name: str = ""
) -> tuple[VoiceModel, dict[str, Any]]:
    """Fit PCA and GMM on x-vectors (speakers, dimension).

    Args:
        pca_size: components, a whole number; below 1, the share of the variance that they must explain.
        gmm_size: mixture components.
        state: seed of k-means.
        name: of the voices, for messages.

    Returns:
        (model, facts: speakers, components, explained variance, tolerance at which the EM converged)

    Raises:
        UsageError: a pca_size that is neither; DataError: fewer speakers than the sizes need.
    """
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from sklearn.utils._testing import ignore_warnings

    if pca_size <= 0 or (pca_size >= 1 and pca_size != int(pca_size)):
        raise UsageError(f"pseudo.pca_size {pca_size}: expected a whole number of components, or a share below 1")
    speakers = len(vectors)
    least = max(2, gmm_size, int(pca_size) + 1)
    if speakers < least:
        raise DataError(
            f"the pool has {speakers} speakers ({name or 'all'}); {pca_size:g} components and {gmm_size} mixtures "
            f"need {least}",
            "a larger pool, or e.g. --set pseudo.pca_size=0.9 --set pseudo.gmm_size=1",
        )
    pca = PCA(n_components=int(pca_size) if pca_size >= 1 else pca_size, svd_solver="full").fit(vectors)
    points = pca.transform(vectors)
    tolerance = 1e-15
    mixture = GaussianMixture(
        gmm_size,
        covariance_type="diag",
        init_params="kmeans",
        n_init=1,
        tol=tolerance,
        max_iter=1000,
        random_state=state,
    )
    with ignore_warnings(category=ConvergenceWarning):
        mixture.fit(points)
        # The likelihood may go on flickering in its last digits: go on from there with a wider tolerance.
        mixture.set_params(warm_start=True)
        while not mixture.converged_:
            tolerance *= 10
            mixture.set_params(tol=tolerance).fit(points)
    model = VoiceModel(pca.mean_, pca.components_, mixture.weights_, mixture.means_, mixture.covariances_)
    facts = {
        "speakers": speakers,
        "components": int(pca.n_components_),
        "explained_variance": round(float(pca.explained_variance_ratio_.sum()), 4),
        "tolerance": tolerance,
    }
    log.info("%s voices: %s", name, ", ".join(f"{key} {value}" for key, value in facts.items()))
    return model, facts


# ---------------------------------------------------------------------- control
@register
class Own(Strategy):
    """The source's own x-vector: resynthesis without anonymization, the control that shows what synthesis costs."""

    name = "own"
    fitted = False

    @classmethod
    def fit(cls, pool: Pool, options: PseudoSpeakers, seed: int) -> Own:
        return cls()

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        return source.own.astype(np.float32)


# ---------------------------------------------------------------------- files
def save(folder: Path, strategy: Strategy, facts: Mapping[str, Any] | None = None) -> None:
    """Write a fitted strategy: pseudo.json (its name, facts) and, if it has arrays, pseudo.npz."""
    arrays = strategy.arrays()
    if arrays:
        write_npz(folder / "pseudo.npz", arrays)
    card = {"strategy": strategy.name, "facts": {**strategy.facts(), **(facts or {})}}
    write_atomic(folder / CARD, json.dumps(card, indent=1, sort_keys=True) + "\n")


def load(folder: Path | None, options: PseudoSpeakers) -> Strategy:
    """The configured strategy, read from where it was fitted; a strategy that needs no fit may be without a folder.

    Raises:
        UsageError: no such strategy, or a fit is needed and no folder is given.
        MissingModelError: nothing is there; DataError: damaged, or of another strategy than configured.
    """
    strategy = find(options.strategy)
    if not strategy.fitted:
        return strategy.restore({}, options)
    if folder is None:
        raise UsageError(f"strategy {strategy.name} must be fitted first, and where it is was not said (--generator)")
    try:
        name = json.loads((folder / CARD).read_text(encoding="utf-8"))["strategy"]
    except FileNotFoundError:
        raise MissingModelError(f"{folder}: no pseudo-speakers ({CARD} is missing)", "./run.sh --stage fit") from None
    except (ValueError, KeyError) as error:
        raise DataError(f"{folder / CARD}: not a pseudo-speaker card: {error}") from None
    if name != strategy.name:
        raise DataError(f"{folder}: fitted for strategy {name!r}, the configuration asks for {strategy.name!r}")
    path = folder / "pseudo.npz"
    try:
        arrays = read_npz(path, MEND)
    except FileNotFoundError:
        arrays = {}
    try:
        return strategy.restore(arrays, options)
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"{path}: not the arrays of strategy {name}: {error}", MEND) from None


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as npz, aside and renamed; the same arrays give the same bytes."""
    import io

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # (its entries carry a constant date)
    write_atomic(path, buffer.getvalue())


# ---------------------------------------------------------------------- sampling
@dataclass(frozen=True)
class Sampled:
    """Pseudo-speakers of a data dir.

    Attributes:
        vectors: pseudo x-vector, float32 (dimension,), by utterance.
        pitches: mean and deviation of log F0, float32 (2,), by utterance; empty without a model of pitch.
        genders: of the pseudo-speakers, by original speaker.
        drawn: number of different pseudo-speakers.
    """

    vectors: dict[str, np.ndarray]
    pitches: dict[str, np.ndarray]
    genders: dict[str, str]
    drawn: int


def sample(
    strategy: Strategy,
    pitch: PitchModel | None,
    data: DataDir,
    utterance_vectors: Mapping[str, np.ndarray],
    speaker_vectors: Mapping[str, np.ndarray],
    options: PseudoSpeakers,
    *,
    level: str,
    seed: int,
) -> Sampled:
    """A pseudo x-vector, and a pitch, for every utterance of a data dir.

    Args:
        strategy: fitted.
        pitch: of the strategy's voices; None leaves F0 to itself.
        data: where it has no spk2gender, the strategy tells the genders by the x-vectors.
        utterance_vectors, speaker_vectors: the originals, (dimension,) by utterance and by speaker.
        options: section of the configuration.
        level: "spk", one pseudo-speaker for all of a speaker's utterances, or "utt", one for each.
        seed: with the data dir's name and the id it decides a draw; the order decides nothing.
    """
    vectors: dict[str, np.ndarray] = {}
    pitches: dict[str, np.ndarray] = {}
    genders: dict[str, str] = {}
    drawn = 0
    known = data.tables.get("spk2gender")
    for speaker, utterances in data.spk2utt.items():
        original = speaker_vectors[speaker]
        gender = known[speaker] if known else strategy.gender_of(original)
        genders[speaker] = OTHER[gender] if options.cross_gender else gender
        # One request for all utterances, or one for each.
        requests = {speaker: utterances} if level == "spk" else {utterance: [utterance] for utterance in utterances}
        for identity, members in requests.items():
            own = original if level == "spk" else utterance_vectors[identity]
            source = Source(original, own, genders[speaker])
            key = f"{data.name}/{identity}"
            vector = strategy.draw(source, generator(seed, "pseudo-speaker", key))
            vectors.update(dict.fromkeys(members, vector))
            if pitch is not None:
                drawn_pitch = pitch.draw(
                    vector, genders[speaker], generator(seed, "pseudo-pitch", key), options.pitch_spread
                )
                pitches.update(dict.fromkeys(members, drawn_pitch))
            drawn += 1
    return Sampled(vectors, pitches, genders, drawn)
