"""The spec: what a researcher writes, as frozen pydantic models. Defaults keep common specs short.

The strings below the fields are the help texts of the published JSON Schema. Defaults that are
tables are constructed without validation, which would build a validator for each at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from archcompiler.config.base import Count, Model
from archcompiler.ops import InterpolationMode, Learning
from archcompiler.units import UnitSpec, unit_types
from archcompiler.units.base import Channels
from archcompiler.units.preact_bottleneck.spec import PreActBottleneckSpec

if TYPE_CHECKING:
    Unit = UnitSpec
else:

    def _from_name(value: object) -> object:
        """`"resnext"` is short for `{ type = "resnext" }`."""
        return {"type": value} if isinstance(value, str) else value

    _SPECS = tuple(unit.spec for unit in unit_types().values())
    Unit = Annotated[
        Annotated[Union[_SPECS], Field(discriminator="type")],  # noqa: UP007
        BeforeValidator(_from_name, json_schema_input_type=Union[(*_SPECS, str)]),
    ]

Activation = Literal["mixed", "channel", "spatial"]
Structure = Literal["encoder_decoder", "local"]
Pixels = Annotated[int, Field(ge=1, le=65_536)]
Kernel = Annotated[int, Field(ge=1, le=31)]


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise PydanticCustomError("odd", "must be odd")
    return value


OddKernel = Annotated[Kernel, AfterValidator(_odd)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
ClassName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=64)]


class Pool(Model):
    """Max pooling, with the names of torch's arguments."""

    kernel: Kernel = 3
    stride: Annotated[int, Field(ge=1, le=16)] = 2
    padding: Annotated[int, Field(ge=0, le=15)] = 0
    """Pixels on every side; at most half the kernel."""
    ceil: bool = True
    """Whether a last window may hang over the edge, as in Caffe and in the released networks."""


class ConvStem(Model):
    """One convolution, as on CIFAR."""

    type: Literal["conv"] = "conv"
    channels: Channels = 16
    kernel: OddKernel = 3
    stride: Annotated[int, Field(ge=1, le=16)] = 1
    norm: bool | None = None
    """BN and ReLU after the convolution; by default if the first unit does not start with them."""


class ConvPoolStem(Model):
    """Convolution, BN, ReLU and max pooling, as on ImageNet."""

    type: Literal["conv_pool"] = "conv_pool"
    channels: Channels = 64
    kernel: OddKernel = 7
    stride: Annotated[int, Field(ge=1, le=16)] = 2
    pool: Pool = Pool.model_construct()


class Interpolation(Model):
    """How the mask's way up resamples."""

    mode: InterpolationMode = "bilinear"
    align_corners: bool = True
    """For bilinear; true in the usual build of the authors' Caffe layer, not confirmed."""


class Mask(Model):
    """The mask branch (paper, sections 3.1 and 3.2)."""

    unit: Unit | None = None
    """Unit type; by default the trunk's."""
    activation: Activation = "mixed"
    """mixed: sigmoid; channel: L2 norm over channels; spatial: norm over positions, sigmoid."""
    structure: Structure = "encoder_decoder"
    """encoder_decoder: down and up again; local: the same units without resampling."""
    units: Count | None = None
    """Units of a local mask; by default as many as the encoder-decoder of the same depth has."""
    norm: bool | None = None
    """BN and ReLU before the first 1×1 convolution of the mask's head; by default if the mask's
    units leave them to their reader."""
    pool: Pool = Pool.model_construct()
    interpolation: Interpolation = Interpolation.model_construct()


class Attention(Model):
    """Attention modules: the trunk T and the mask M, joined as (1 + M)·T."""

    p: Annotated[int, Field(ge=0, le=1_000_000_000)] = 1
    """Units before the split into trunk and mask, and again after the gate."""
    t: Count = 2
    """Units of the trunk branch."""
    r: Count = 1
    """Units between two resamplings of the mask branch."""
    trunk: Unit | None = None
    """Unit type of the trunk and of the units around it; by default the stage's."""
    learning: Learning = "residual"
    """residual: (1 + M)·T; naive: M·T."""
    mask: Mask = Mask.model_construct()


class Stage(Model):
    """Units and attention modules at one resolution."""

    channels: Channels
    """Output channels."""
    stride: Annotated[int, Field(ge=1, le=16)] = 1
    """Stride of the stage's first unit."""
    before: Annotated[int, Field(ge=0, le=1_000_000_000)] = 1
    """Plain units before the attention modules."""
    modules: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """Attention modules."""
    after: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """Plain units after the attention modules."""
    depth: Annotated[int, Field(ge=1, le=16)] | None = None
    """How often the mask halves the resolution; needed where there are attention modules."""
    unit: Unit | None = None
    """Unit type of the plain units; by default the network's."""
    attention: Attention = Attention.model_construct()
    """What this stage changes of the network's `attention`."""


class Head(Model):
    """Global average pooling and a linear classifier."""

    norm: bool | None = None
    """BN and ReLU before the pooling; by default if the last unit leaves them to its reader."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of dropping a feature before the classifier."""
    bias: bool = True


class Norm(Model):
    """Constants of every batch normalisation."""

    eps: Annotated[float, Field(gt=0, le=1)] = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Weight of the newest batch in the running statistics, as torch defines it."""


class Init(Model):
    """Initialisation of the weights. BN starts at scale 1 and shift 0."""

    conv: Literal["he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "torch"] = (
        "he_normal"
    )
    """Distribution of convolution weights; torch: what the framework does by default."""
    fan: Literal["in", "out"] = "out"
    """Which connections He initialisation counts."""


class Spec(Model):
    """A network. This is the root of a spec file."""

    name: Identifier
    """Names the emitted file and builder: lower case, digits and underscores."""
    class_name: ClassName | None = None
    """The emitted class; by default the name in CapWords."""
    title: Text | None = None
    """How figures and tables call the network; by default its class name."""
    description: Text | None = None
    """Goes into the docstring of the emitted file."""
    input: tuple[Channels, Pixels, Pixels]
    """C, H, W at which shapes and costs are reported; the network takes any valid H and W."""
    classes: Annotated[int, Field(ge=1, le=1_000_000)]
    """Logits that the network returns."""
    stem: Annotated[ConvStem | ConvPoolStem, Field(discriminator="type")]
    """What comes before the stages: a convolution, or a convolution and a pool."""
    unit: Unit = PreActBottleneckSpec.model_construct()
    """Unit type of everything that names none."""
    attention: Attention = Attention.model_construct()
    """Defaults of every attention module; a stage may change any of them."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=1000)]
    """Stages in the order of the forward pass."""
    head: Head = Head.model_construct()
    norm: Norm = Norm.model_construct()
    init: Init = Init.model_construct()
