"""The recipe: how a network is trained, as frozen pydantic models. Imports no framework.

The strings below the fields are what the diagnostics and the documentation say about them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from archcompiler.config.base import Count, Model
from archcompiler.runner.recipe.augment import Augment
from archcompiler.runner.recipe.choices import Device, OnError
from archcompiler.runner.recipe.lengths import LENGTH, is_length
from archcompiler.runner.recipe.limits import LIMIT
from archcompiler.runner.recipe.numbers import Amount, Natural, Probability, Rate, Share, Tiny

EPOCHS: Final = 20
"""Of a recipe that says neither `epochs` nor `iterations`."""

Switch = Literal["auto", "on", "off"]
Path = Annotated[str, Field(min_length=1, max_length=4096)]
Level = Annotated[float, Field(ge=-1000, le=1000)]
Width = Annotated[float, Field(ge=1e-6, le=1000)]
Colour = Annotated[tuple[Level, ...], Field(min_length=1, max_length=16)]
Spread = Annotated[tuple[Width, ...], Field(min_length=1, max_length=16)]


def _length(least: int) -> tuple[PlainValidator, WithJsonSchema]:
    def length(value: object) -> object:
        if is_length(value, least):
            return value
        raise PydanticCustomError(
            "length", 'must be iterations, such as 500, or a text such as "5 epochs" or "5 %"'
        )

    words = {"type": "string", "pattern": LENGTH}
    schema = {"anyOf": [{"type": "integer", "minimum": least}, words]}
    return PlainValidator(length), WithJsonSchema(schema)


def _limit(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(LIMIT, value, re.ASCII):
        return value
    raise PydanticCustomError(
        "limit", 'must be a share, such as "40%", a size, such as "8GB", or "auto"'
    )


MemoryLimit = Annotated[
    str, PlainValidator(_limit), WithJsonSchema({"type": "string", "pattern": LIMIT})
]
Length = Annotated[int | str, *_length(0)]
"""Iterations, or a text that says them by what they are a part of: see `recipe.lengths`."""
Interval = Annotated[int | str, *_length(1)]


def _typed(default: str) -> BeforeValidator:
    """A word is short for the table with that `type`; a table without one has the default."""

    def table(value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value}
        return {"type": default, **value} if isinstance(value, dict) else value

    return BeforeValidator(table)


class Pixels(Model):
    """How the images of a data set meet the spec's input; common to all data sets."""

    mean: Colour
    """Mean of each channel, of pixels from 0 to 1; subtracted. One is for every channel. By default
    the published one of the data set, and ImageNet's for a folder."""
    std: Spread
    """What each channel is divided by after the mean is subtracted; as `mean`."""
    validation: Share = 0.1
    """Share of each class's training images that is held back, by the seed, to choose `best.pt` by;
    0 trains on all, and chooses on the test images."""


class Small(Pixels):
    """A data set that lives on the device as bytes."""

    shape: ClassVar[tuple[int, int, int]]
    """(C, H, W) of an image."""
    classes: ClassVar[int]

    pad: Annotated[int, Field(ge=0, le=1024)] = 0
    """Black pixels added on every side: 2 makes 28×28 into 32×32."""
    grey: Literal["keep", "repeat"] = "keep"
    """repeat: a grey image fills every channel of the spec's input."""


class Embedded(Small):
    """10,000 + 2,000 images of Fashion-MNIST that come with the package."""

    shape = (1, 28, 28)
    classes = 10

    type: Literal["embedded"] = "embedded"
    mean: Colour = (0.2860,)
    std: Spread = (0.3530,)


class FashionMnist(Small):
    """Fashion-MNIST from IDX files, packed or not."""

    shape = (1, 28, 28)
    classes = 10

    type: Literal["fashion_mnist"] = "fashion_mnist"
    mean: Colour = (0.2860,)
    std: Spread = (0.3530,)
    path: Path = "/usr/share/datasets/fashion-mnist"
    """Folder of the four files; by default where Debian's `dataset-fashion-mnist` puts them."""


class Cifar10(Small):
    """CIFAR-10, the binary or the python version."""

    shape = (3, 32, 32)
    classes = 10

    type: Literal["cifar10"] = "cifar10"
    mean: Colour = (0.4914, 0.4822, 0.4465)
    std: Spread = (0.2470, 0.2435, 0.2616)
    path: Path = "data/cifar10"
    """Folder of the unpacked archive, or the one above it."""


class Cifar100(Small):
    """CIFAR-100 with its fine labels, the binary or the python version."""

    shape = (3, 32, 32)
    classes = 100

    type: Literal["cifar100"] = "cifar100"
    mean: Colour = (0.5071, 0.4865, 0.4409)
    std: Spread = (0.2673, 0.2564, 0.2762)
    path: Path = "data/cifar100"
    """Folder of the unpacked archive, or the one above it."""


class Folder(Pixels):
    """One folder a class, as ImageNet is usually laid out; read by worker processes."""

    type: Literal["folder"] = "folder"
    mean: Colour = (0.485, 0.456, 0.406)
    std: Spread = (0.229, 0.224, 0.225)
    path: Path = "data/imagenet"
    """Folder that holds the two folders below."""
    train: Path = "train"
    """Folder of the classes that are trained on."""
    test: Path = "val"
    """Folder of those that are tested on."""
    test_share: Share = 0.0
    """Share of each class's images in `train` that is tested on in place of `test`, by the seed,
    before any is held back; 0 tests on the folder."""
    validation_folder: Path | None = None
    """Folder of images to choose `best.pt` by, in place of a share of those in `train`."""
    resize: Count | None = None
    """Shorter side before the centre crop of an evaluation; by default the crop's over 0.875."""
    exif_orientation: bool = True
    """Turn photographs upright, as their EXIF orientation says."""
    on_error: OnError = "stop"
    """What an image that cannot be read does: end the run, or be left out and counted; the next of
    its class takes its place in training, none in evaluations."""
    workers: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Processes that decode images, for each process that trains; by default, and at most, as many
    as it has cores, but no more than 16 unless said."""
    timeout: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """Seconds that a batch of them is waited for; then the run ends."""
    scale: tuple[Probability, Probability] = (0.08, 1.0)
    """Share of the image that a training crop covers, smallest and largest."""
    ratio: tuple[Rate, Rate] = (0.75, 4 / 3)
    """Width over height of a training crop, smallest and largest."""


Data = Annotated[
    Embedded | FashionMnist | Cifar10 | Cifar100 | Folder,
    Field(discriminator="type"),
    _typed("folder"),
]


def holds_back(data: Data) -> bool:
    """Whether other images than those that are tested on choose the best weights."""
    folder = isinstance(data, Folder) and data.validation_folder is not None
    return folder or data.validation > 0


class Sgd(Model):
    """Stochastic gradient descent with momentum."""

    usual_batch: ClassVar[int] = 256
    """Images a step that the default rate is for."""

    @property
    def power(self) -> float:
        """Of a batch's size by which its rate goes."""
        return 1.0 if self.scaling == "linear" else 0.5

    @property
    def averages(self) -> int:
        """Tensors that are kept for each of the parameters."""
        return 1 if self.momentum else 0

    type: Literal["sgd"] = "sgd"
    lr: Rate = 0.1
    """Learning rate before the schedule; by default for 256 images a step, and for others by
    `scaling`."""
    scaling: Literal["linear", "sqrt"] = "linear"
    """How a rate that is for another batch goes with the batch: as its size, or as the square root
    of that, which leaves small batches more."""
    momentum: Share = 0.9
    nesterov: bool = True
    """Nesterov's method: the gradient is taken where the momentum leads to."""
    weight_decay: Amount = 1e-4
    decay_norm_and_bias: bool = True
    """Whether weight decay also acts on BN and biases."""
    clip: Amount = 0.0
    """Largest norm of the gradient; 0 is off."""


class _Adaptive(Model):
    """What AdamW and LAMB have in common."""

    power: ClassVar[float] = 0.5
    averages: ClassVar[int] = 2

    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the averages of gradients and of their squares."""
    decay_norm_and_bias: bool = False
    """Whether weight decay also acts on BN and biases."""
    clip: Amount = 0.0
    """Largest norm of the gradient; 0 is off."""


class AdamW(_Adaptive):
    """Adam with weight decay apart from the gradient."""

    usual_batch: ClassVar[int] = 1024

    type: Literal["adamw"] = "adamw"
    lr: Rate = 1e-3
    """Learning rate before the schedule; by default for 1,024 images a step, and for others by the
    square root of their ratio."""
    eps: Tiny = 1e-8
    """Added to what a step is divided by."""
    weight_decay: Amount = 0.05


class Lamb(_Adaptive):
    """Adam's steps, each layer's as long as its weights: for very large batches."""

    usual_batch: ClassVar[int] = 2048

    type: Literal["lamb"] = "lamb"
    lr: Rate = 5e-3
    """Learning rate before the schedule; by default for 2,048 images a step, and for others by the
    square root of their ratio."""
    eps: Tiny = 1e-6
    """Added to what a step is divided by."""
    weight_decay: Amount = 0.02


Optimizer = Annotated[Sgd | AdamW | Lamb, Field(discriminator="type"), _typed("sgd")]


class Steps(Model):
    """The learning rate falls at given iterations."""

    type: Literal["steps"] = "steps"
    at: Annotated[tuple[Length, ...], Field(max_length=1000)] = ("50 %", "75 %")
    """Iterations, rising."""
    factor: Probability = 0.1
    """What the rate is multiplied with at each of them."""
    warmup: Length = 0
    """Iterations over which the rate rises from zero."""


class Cosine(Model):
    """The learning rate falls along half a cosine to the last iteration."""

    type: Literal["cosine"] = "cosine"
    warmup: Length = "5 %"
    """Iterations over which the rate rises from zero."""
    final: Probability = 0.0
    """What is left of the rate at the end, as a share."""


Schedule = Annotated[Steps | Cosine, Field(discriminator="type"), _typed("cosine")]


class Speed(Model):
    """How it is computed. `auto` is the fast choice where the device is known to have it."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the forward and backward pass, by autocast; auto: bfloat16 on devices that compute it,
    which are GPUs since 2020 and processors with AVX512-BF16 or AMX, else float32."""
    tf32: bool = True
    """Let float32 matrix products on CUDA round their inputs to TF32."""
    channels_last: Switch = "auto"
    """Memory order of images; auto: on CUDA and the CPU, unless `deterministic`."""
    compile: Literal["auto", "on", "off", "blocks", "reduce-overhead", "max-autotune"] = "auto"
    """`torch.compile` of the whole network, in its default mode or the one that is named; or of
    its blocks, each distinct one once, for an earlier first step. auto: off on the CPU, on CUDA
    blocks of networks that repeat more than 1,000 operators, of others the whole."""
    memory: MemoryLimit = "auto"
    """What autograd may keep for the backward pass, as a share of what it keeps as usual, `40%`; or
    what a whole step may take, `8GB`. The rest is made again, with the least work that there is.
    auto is 75%, for which BN and activations alone are computed twice, where a step keeps more than
    512 MB; less, and `compile`, whose kernels have plans of their own, leave it at 100%."""
    checkpointing: bool = False
    """Run each block of a stage again in the backward pass, and keep its input alone; in place of
    `memory`."""
    accumulate: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Parts that a batch is computed in; BN sees one part at a time."""
    shards: Annotated[int, Field(ge=0, le=1024)] = 0
    """Virtual shards of a batch, a power of two: each is computed as if it had a process of its
    own, and any number of processes that divides them gives the same weights to the bit; 0 is off.
    """
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Threads that a process computes with on the CPU, where the bits of sums depend on them; 0
    leaves them to torch, which takes all cores that a process has, and is 1 with `shards`."""
    deterministic: bool = False
    """Ask torch for algorithms that repeat to the bit on CUDA; the CPU's do always."""
    sync_bn: bool = False
    """BN over all processes. Off: each process normalises its own part."""


class EarlyStop(Model):
    """An end before the last iteration."""

    patience: Natural = 0
    """Evaluations without a better one after which the run ends; 0 is off. One is better if its
    accuracy is higher, or the same with a lower loss."""


class Recipe(Model):
    """A training run. This is the root of a recipe file.

    What depends on how many images there are is settled when they are known: see
    `recipe.settling`.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Decides initial weights, order, augmentation and label noise."""
    device: Device = "auto"
    """auto: the first of cuda, mps and cpu that is there."""
    epochs: Count | None = None
    """How often every training image is taken; 20 where neither this nor `iterations` is said."""
    iterations: Count | None = None
    """Steps of the optimizer, in all, in place of `epochs`."""
    batch_size: Count = 128
    """Images a step, over all processes and accumulated parts; by default fewer where 128 would
    make less than eight steps an epoch, but at least 8 if there are as many images."""
    checkpoint_every: Interval = "1 epoch"
    """Iterations between checkpoints."""
    evaluate_every: Interval | None = None
    """Iterations between evaluations; by default as `checkpoint_every`."""
    log_every: Count = 50
    """Iterations between lines of the metrics; the loss is looked at as often."""
    keep: Count = 3
    """Checkpoints to keep, besides the best."""
    evaluation_batch: Count = 500
    """Images at a time in evaluations, over all processes."""
    evaluation_images: Count | None = None
    """Evaluate on this many images, evenly spread, while training; by default on all."""
    label_smoothing: Share = 0.0
    """Share of each label that is spread over all classes."""
    ema: Share = 0.0
    """Decay of the moving average of the weights that is evaluated and saved; 0 is off."""
    data: Data = Folder.model_construct()
    """What is trained on."""
    augment: Augment = Augment.model_construct()
    """What is done to training images."""
    optimizer: Optimizer = Sgd.model_construct()
    """What steps are made of the gradients."""
    schedule: Schedule = Cosine.model_construct()
    """The learning rate over the run."""
    early_stop: EarlyStop = EarlyStop.model_construct()
    """Whether a run ends where it learns no more."""
    speed: Speed = Speed.model_construct()
    """How it is computed."""


class SettledRecipe(Recipe):
    """A recipe with every length in iterations, and all that depends on the images settled."""

    epochs: None = None
    iterations: Count
    checkpoint_every: Count
    evaluate_every: Count | None = None

    @property
    def evaluation_interval(self) -> int:
        return self.evaluate_every or self.checkpoint_every
