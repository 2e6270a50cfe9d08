"""What models share: posteriors, losses, representations, saving and loading, and the base class of models on features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from huggingface_hub import ModelHubMixin, hf_hub_download
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_model, save_file, save_model
from torch import Tensor, nn

from affectspace.configuration import Configuration, explain
from affectspace.data.batches import Batch
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.files import read_object, write_atomic
from affectspace.models.configuration import FeatureModelConfig
from affectspace.models.statistics import TrainingStatistics, check_features
from affectspace.models.training_rows import MIN_ROWS, ROWS, TrainingRows
from affectspace.tensors import UNSEALED, require_unchanged, write_sealed

DOWNLOAD_OPTIONS = ("revision", "cache_dir", "force_download", "token", "local_files_only")
_REMEDY = "save or train the model again"
Noise = Callable[[Tensor], Tensor]  # mean of a posterior -> standard normal noise of the same shape


def gaussian_noise(generator: torch.Generator | None = None) -> Noise:
    """Return a source of standard normal noise that draws from a generator, or from PyTorch's global one."""
    return lambda mean: torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)


@dataclass(frozen=True)
class Posterior:
    """Diagonal Gaussian q(z | x) = N(mean, diag(exp(log_variance))).

    mean, log_variance : (batch, dimensions)
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Noise) -> Tensor:
        """Draw one reparameterised sample per row (Kingma & Welling 2014), (batch, dimensions)."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise(self.mean)

    def kl_to_standard(self) -> Tensor:
        """Compute KL(q || N(0, 1)) of every dimension in nats, (batch, dimensions)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1.0 - self.log_variance)


def product_of_experts(
    mean: Tensor, log_variance: Tensor, present: Tensor, prior: Posterior | None = None
) -> Posterior:
    """Multiply the prior and the Gaussian experts that are present (Wu & Goodman 2018, section 2.2).

    mean, log_variance : (experts, ..., dimensions); present : (experts, ...) bool; they broadcast. prior : N(0, I) by
    default. The result has (..., dimensions) and is the prior where no expert is present; absent experts are never read.
    Precisions are added as logarithms, so that neither a very certain nor a very uncertain expert overflows.
    """
    mask = present[..., None]
    log_precision = torch.where(mask, -log_variance, torch.full_like(log_variance, -torch.inf))
    like = log_precision[:1]
    prior_log_precision = torch.zeros_like(like) if prior is None else (-prior.log_variance).expand_as(like)
    total = torch.logsumexp(torch.cat([prior_log_precision, log_precision]), dim=0)
    share = torch.exp(log_precision - total)
    product = (share * torch.where(mask, mean, torch.zeros_like(mean))).sum(dim=0)
    if prior is not None:
        product = product + torch.exp(prior_log_precision[0] - total) * prior.mean
    return Posterior(product, -total)


@dataclass(frozen=True)
class LossTerms:
    """The loss of a batch.

    total : scalar that training minimises
    terms : name -> scalar, unweighted, for the history
    """

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Step:
    """What a loss depends on besides its batch.

    progress : how far the training has come, in [0, 1]
    noise : of the samples of the latents; generator : of all other random numbers, None for PyTorch's global one
    """

    progress: float
    noise: Noise
    generator: torch.Generator | None = None


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and back afterwards."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def warmed(progress: float, warmup: float) -> float:
    """Return the factor of a weight that rises from 0 to 1 over the first `warmup` of the training."""
    return min(progress / warmup, 1.0) if warmup > 0 else 1.0


class Pretrained(nn.Module, ModelHubMixin):
    """A model that is built from one configuration, kept as `config`, and saved as JSON and safetensors."""

    config_class: ClassVar[type[Configuration]] = Configuration
    reads: ClassVar[Literal["images", "features", "items", "latents"]] = "images"
    config: Configuration

    @classmethod
    def size_of(cls, config: Configuration) -> float:
        """Return the bytes of the weights that a configuration needs, without making them; infinity beyond 64 bits."""
        try:
            with torch.device("meta"):
                model = cls(config)
        except (RuntimeError, TypeError, ValueError) as error:
            if "overflow" in str(error).lower():
                return math.inf
            raise
        return float(sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers())))

    def loss(
        self,
        batch: Batch,
        generator: torch.Generator | None = None,
        *,
        progress: float = 1.0,
        noise: Noise | None = None,
    ) -> LossTerms:
        """Compute the named terms and their weighted total.

        Parameters
        ----------
        batch : Batch
        generator : torch.Generator, optional
            Source of all random numbers; PyTorch's global one by default.
        progress : float
            How far the training has come, in [0, 1]; weights are warmed up by it.
        noise : callable, optional
            Noise of the latent samples as a function of their mean, in place of the generator's. `torch.zeros_like` makes
            the loss deterministic.
        """
        return self.terms(batch, Step(progress, noise or gaussian_noise(generator), generator))

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute the terms that training minimises; each model documents its own."""
        raise TypeError(f"{type(self).__name__} has no loss")

    def _save_pretrained(self, save_directory: Path) -> None:
        text = self.config.model_dump_json(indent=2) + "\n"
        write_atomic(save_directory / "config.json", lambda path: path.write_text(text, encoding="utf-8"))
        write_sealed(save_directory / "model.safetensors", lambda path: save_model(self, str(path), dict(UNSEALED)))

    def save_half(self, folder: Path) -> None:
        """Save as `save_pretrained`, with weights of 16 bits: half the size. `from_pretrained` reads them into 32 bits.

        Raises RunError, and writes nothing, for a weight that is not finite in 16 bits.
        """
        weights = {
            name: (weight.half() if weight.is_floating_point() else weight).contiguous()
            for name, weight in self.state_dict().items()
        }
        for name, weight in weights.items():
            if not torch.isfinite(weight).all():
                raise RunError(f"{name} has values that 16 bits cannot hold; save the model with save_pretrained")
        folder.mkdir(parents=True, exist_ok=True)
        self._save_pretrained(folder)
        write_sealed(folder / "model.safetensors", lambda path: save_file(weights, path, dict(UNSEALED)))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """Load a model that `save_pretrained` wrote, from a folder or the hub.

        Raises RunError for a folder without a model, and for damaged files.
        """
        folder = Path(pretrained_model_name_or_path)
        if folder.is_dir():  # the base class reads config.json first, and does not say what is wrong with it
            _require_files(folder)
            read_object(folder / "config.json", _REMEDY)
        return super().from_pretrained(pretrained_model_name_or_path, **options)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> Self:
        paths, download = {}, {name: options[name] for name in DOWNLOAD_OPTIONS if name in options}
        for name in ("config.json", "model.safetensors"):
            if Path(model_id).is_dir():
                paths[name] = str(Path(model_id) / name)
            else:
                paths[name] = hf_hub_download(model_id, name, **download)
        fields = read_object(Path(paths["config.json"]), _REMEDY)
        kind, expected = fields.get("kind"), cls.config_class.model_fields["kind"].default
        if kind != expected:
            raise RunError(
                f"{model_id} holds a model of kind {kind!r}, not {expected!r}; load it with the class of its kind"
            )
        try:
            config = cls.config_class(**fields)
        except ValidationError as error:
            raise ConfigError(
                f"{paths['config.json']} is damaged or of another version: {explain(error, cls.config_class)}"
            ) from error
        weights, remedy = Path(paths["model.safetensors"]), "save or train it again"
        if cls.size_of(config) > 8 * weights.stat().st_size + (1 << 24):
            raise RunError(f"{weights} is cut, or does not fit its config.json; {remedy}")
        model = cls(config)
        try:
            require_unchanged(weights, remedy)
            load_model(model, weights)
        except (SafetensorError, RuntimeError, OSError) as error:
            raise RunError(
                f"{weights} is damaged or does not fit its config.json; {remedy} ({' '.join(str(error).split())[:300]})"
            ) from error
        broken = next((name for name, weight in model.named_parameters() if not weight.isfinite().all()), None)
        if broken is not None:
            raise RunError(f"{weights}: the weights {broken} have missing or infinite numbers; {remedy}")
        return model.eval()


def _require_files(folder: Path) -> None:
    """Raise RunError if a folder lacks a file of a saved model."""
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} is not a saved model: {name} is missing; save or train it again")


@dataclass(frozen=True)
class Representation:
    """Everything that a model computes from rows, without noise. Rows without a modality hold arbitrary values there.

    Attributes
    ----------
    shared, private : dict of str to Posterior
        The latents of each modality. A model without one of the two kinds leaves its dict empty.
    affect, deviation : dict of str to Tensor
        Valence, arousal and dominance read from each modality alone, and their standard deviation, (batch, 3).
    fused, fused_deviation : Tensor
        Affect from all modalities that the row has, (batch, 3); NaN for a row without any.
    log_emotion : Tensor or None
        Log-probability of each emotion from all modalities that the row has, (batch, categories); None for a model that
        does not predict emotions.
    distance : dict of str to Tensor
        Distance of each modality from the training rows, (batch,), 1 where it is typical, see `TrainingRows.distance`. Empty
        for a model that does not measure it.
    """

    shared: dict[str, Posterior]
    private: dict[str, Posterior]
    affect: dict[str, Tensor]
    deviation: dict[str, Tensor]
    fused: Tensor
    fused_deviation: Tensor
    log_emotion: Tensor | None = None
    distance: dict[str, Tensor] = field(default_factory=dict)

    def outputs(self) -> dict[str, Tensor]:
        """Return what is predicted, by the names that an exported model has; latents are left out.

        `fused` is called `mean` and its deviation `deviation`. Each modality has `<modality>_mean`, `<modality>_deviation`,
        and `<modality>_distance` where the model measures it. The other fields, such as `log_emotion`, keep their names
        where they have a value.
        """
        names = {"fused": "mean", "fused_deviation": "deviation"}
        values = {names.get(known.name, known.name): getattr(self, known.name) for known in fields(self)}
        outputs = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        for name, mean in self.affect.items():
            outputs |= {f"{name}_mean": mean, f"{name}_deviation": self.deviation[name]}
        return outputs | {f"{name}_distance": distance for name, distance in self.distance.items()}


class AffectModel(Pretrained, ABC):
    """Base class of the models on feature vectors.

    Rows may lack any modality and any label. Losses, statistics and fusions leave out what is absent.
    """

    reads = "features"
    config: FeatureModelConfig

    def __init__(self, config: FeatureModelConfig) -> None:
        super().__init__()
        self.config = config
        self.statistics = TrainingRows(config.modalities)

    def prepare(self, statistics: TrainingStatistics) -> None:
        """Copy the statistics of the training rows into the model, once, before training."""
        self.statistics.prepare(statistics.spaces)

    def after_training(self, train: Batch, validation: Batch) -> None:
        """Fit what has a closed form once the weights are final: read-outs on train, calibration on validation."""

    @torch.no_grad()
    def measure_outputs(self, validation: Batch) -> None:
        """Keep the moments of the fused affect of validation rows, for the names of emotions; at least 20 rows."""
        pieces = (validation.take(slice(start, start + ROWS)) for start in range(0, len(validation), ROWS))
        fused = [self.represent(piece.features, piece.present).fused for piece in pieces]
        outputs = torch.cat(fused) if fused else torch.zeros(0, 3)
        outputs = outputs[outputs.isfinite().any(dim=1)]
        if len(outputs) >= MIN_ROWS:
            self.statistics.get_buffer("output_mean").copy_(outputs.mean(dim=0))
            self.statistics.get_buffer("output_deviation").copy_(outputs.std(dim=0))

    def standardise(self, name: str, features: Tensor, present: Tensor | None = None) -> Tensor:
        """Express features of a modality in standard deviations of the training rows, within their range, (batch, width).

        present : (batch,) bool; the other rows become zero. None: all rows have the modality
        """
        scaled = self.statistics.standardise(name, features)
        return scaled if present is None else torch.where(present[:, None], scaled, torch.zeros_like(scaled))

    def distances(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Distance of each modality of rows from the training rows, (batch,); that of a mean row where it is absent."""
        first = next(iter(features.values()))
        return {
            name: self.statistics.distance(name, self.standardise(name, features[name], present[name]))
            if name in features
            else self.statistics.get_buffer(f"typical_{name}").new_zeros(first.shape[0])
            for name in self.config.modalities
        }

    def complete_masks(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Check features and masks, and return a mask for every modality of the model; what is not given is absent.

        Raises DataError for an unknown modality, no modality at all, and features that do not fit the model or their mask
        or are not finite in a row that has the modality.
        """
        modalities = self.config.modalities
        unknown = [name for name in features if name not in modalities]
        if unknown or not features:
            problem = f"unknown modality {unknown[0]!r}" if unknown else "no modality is given"
            raise DataError(f"{problem}: the model reads {', '.join(modalities)}")
        check_features(features, present, modalities)
        first = next(iter(features.values()))
        absent = torch.zeros(first.shape[0], dtype=torch.bool, device=first.device)
        return {name: present[name] if name in features else absent for name in modalities}

    def in_pooled_units(self, labels: Tensor, corpus: Tensor) -> Tensor:
        """Convert labels (batch, 3) of corpora (batch,) to the units of `represent`; models that link no corpora keep them."""
        return labels

    @abstractmethod
    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Compute posteriors, affect and emotions of rows, without noise.

        Each modality's encoder runs once; modalities that no row has are not encoded.

        Parameters
        ----------
        features : dict of str to Tensor
            Modality -> (batch, width), as the backbone gave them. A modality that is left out is absent from every row.
        present : dict of str to Tensor
            Modality -> (batch,) bool, which rows have it.

        Raises
        ------
        DataError
            For an unknown modality, no modality at all, another width than the model's, and values that are not finite.
        """
