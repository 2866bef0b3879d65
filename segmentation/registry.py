"""The weights of installed models: written, checked, and loaded onto a device."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from segmentation.baseline_network import baseline_network
from segmentation.errors import BadModelError
from segmentation.interval import IntervalCalibration
from segmentation.model_description import (
    CARD,
    DESCRIPTION,
    WEIGHTS,
    BaselineConfig,
    CascadeConfig,
    Config,
    ModelDescription,
    read_description,
    write_description,
)
from segmentation.network import MSNet, NetworkConfig, Task, View, use_half_precision
from segmentation.presence import LEAST_EVIDENCE
from segmentation.trust import TrustCalibration
from segmentation.types import ModelIdentity, Phase
from segmentation.whole_file import write_whole

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """What every model has that is ready to run on a device."""

    identity: ModelIdentity
    interval: IntervalCalibration | None
    phases: tuple[Phase, ...]
    device: torch.device
    dtype: torch.dtype
    folder: Path
    trust: TrustCalibration | None = None
    least_evidence: float = LEAST_EVIDENCE
    """Log odds from which on a piece of enhancing tumour is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeModel(InstalledModel):
    """Nine networks, three views of each task."""

    config: CascadeConfig
    networks: Mapping[tuple[Task, View], MSNet]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineModel(InstalledModel):
    """One network that says all three regions at once."""

    config: BaselineConfig
    network: nn.Module


Model = CascadeModel | BaselineModel


def weight_key(task: Task, view: View, parameter: str) -> str:
    """Name of one tensor in weights.safetensors: `<task>.<view>.<parameter of MSNet>`."""
    return f"{task}.{view}.{parameter}"


def write_model(
    folder: Path,
    description: ModelDescription,
    weights: Mapping[str, torch.Tensor],
    card: str,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a model folder; `weights` is keyed by `weight_key` for all nine networks, or as the baseline's network is.

    `dtype` float16 halves the file; loading turns the weights to float32 again.

    Raises:
        BadModelError: a tensor is missing, unknown, of a wrong shape, or not finite.
    """
    check_weights(description.config, weights, source="the weights to be written")
    stored = {key: weights[key].detach().to("cpu", dtype).contiguous() for key in sorted(weights)}
    data = safetensors.torch.save(stored)
    # The description comes last: a folder without it, after a crash, is no model.
    write_whole(folder / WEIGHTS, data)
    write_whole(folder / CARD, card.encode())
    write_description(folder, description, hashlib.sha256(data).hexdigest())


def load_model(
    folder: Path, device: Device = "auto", precision: Literal["auto", "fp32", "bf16"] = "auto"
) -> Model:
    """Read a model folder and put its networks on a device.

    `precision` auto takes bfloat16 where the device computes in it natively, float32 elsewhere.

    Raises:
        BadModelError: a file is missing, damaged, or does not fit the description; the device is not there.
    """
    description, checksum = read_description(folder)
    weights = _read_weights(folder / WEIGHTS, checksum)
    check_weights(description.config, weights, source=str(folder / WEIGHTS))
    where = choose_device(device)
    half = _has_fast_bfloat16(where) if precision == "auto" else precision == "bf16"
    common: dict[str, Any] = {
        "identity": description.identity,
        "interval": description.interval,
        "phases": description.phases,
        "device": where,
        "dtype": torch.bfloat16 if half else torch.float32,
        "folder": folder,
        "trust": description.trust,
        "least_evidence": description.presence.least_evidence if description.presence else LEAST_EVIDENCE,
    }
    config = description.config
    if isinstance(config, BaselineConfig):
        return BaselineModel(config=config, network=_baseline(config, weights).to(where), **common)
    return CascadeModel(config=config, networks=_cascade(config, weights, where, half), **common)


def load_cascade(
    folder: Path, device: Device = "auto", precision: Literal["auto", "fp32", "bf16"] = "auto"
) -> CascadeModel:
    """As `load_model`, where only a cascade will do.

    Raises:
        BadModelError: it cannot be read, or is another kind of model.
    """
    model = load_model(folder, device, precision)
    if not isinstance(model, CascadeModel):
        raise BadModelError(f"{folder} is a baseline of one network; here a cascade of nine is needed.")
    return model


def _cascade(
    config: CascadeConfig, weights: Mapping[str, torch.Tensor], where: torch.device, half: bool
) -> dict[tuple[Task, View], MSNet]:
    networks = {}
    for task in Task:
        for view in View:
            network = _build(network_config(config, task), weights, task, view)
            network = use_half_precision(network) if half else network
            networks[task, view] = network.to(where, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return networks


def _baseline(config: BaselineConfig, weights: Mapping[str, torch.Tensor]) -> nn.Module:
    network = baseline_network(config)
    network.load_state_dict({key: tensor.float() for key, tensor in weights.items()})
    return network.eval().requires_grad_(False)


def check_weights(config: Config, weights: Mapping[str, torch.Tensor], source: str) -> None:
    """Compare names, shapes and values with what the networks need.

    Raises:
        BadModelError: says which tensor does not fit, and how many.
    """
    expected = expected_shapes(config)
    missing, unknown = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or unknown:
        example = missing[0] if missing else unknown[0]
        raise BadModelError(
            f"{source}: not the weights of this network: {len(missing)} tensors are missing and "
            f"{len(unknown)} are unknown (first: {example}). "
            f"Names are such as {next(iter(expected))}."
        )
    for key, shape in expected.items():
        if tuple(weights[key].shape) != shape:
            raise BadModelError(
                f"{source}: {key} has shape {tuple(weights[key].shape)}, the network needs {shape}."
            )
        if not torch.isfinite(weights[key]).all():
            raise BadModelError(f"{source}: {key} holds values that are not finite.")


def network_config(config: CascadeConfig, task: Task) -> NetworkConfig:
    """Shape of one task's network."""
    return NetworkConfig(task, config.base_channels, config.in_channels, config.classes, config.normalisation)


def expected_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a model."""
    if isinstance(config, BaselineConfig):
        with torch.device("meta"):
            return {name: tuple(t.shape) for name, t in baseline_network(config).state_dict().items()}
    shapes: dict[str, tuple[int, ...]] = {}
    for task in Task:
        with torch.device("meta"):
            state = MSNet(network_config(config, task)).state_dict()
        shapes |= {weight_key(task, view, name): tuple(t.shape) for view in View for name, t in state.items()}
    return shapes


def _build(config: NetworkConfig, weights: Mapping[str, torch.Tensor], task: Task, view: View) -> MSNet:
    network = MSNet(config)
    network.load_state_dict(
        {name: weights[weight_key(task, view, name)].float() for name in network.state_dict()}
    )
    return network.eval().requires_grad_(False)


def choose_device(device: Device) -> torch.device:
    """The device to run on; auto takes a GPU where there is one.

    Raises:
        BadModelError: a GPU was asked for and is not there.
    """
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise BadModelError(
            "The device cuda was asked for, but this machine's PyTorch finds no GPU; use auto or cpu."
        )
    return torch.device("cuda" if has_gpu and device != "cpu" else "cpu")


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _read_weights(path: Path, checksum: str) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise BadModelError(f"{path} is missing. Import or install the model again.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != checksum:
        raise BadModelError(
            f"{path} is damaged: its checksum is not the one in {DESCRIPTION}. Install the model again."
        )
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        raise BadModelError(f"{path} is not a safetensors file ({error}).") from error
