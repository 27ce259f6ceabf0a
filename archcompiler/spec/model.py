"""The spec: what a researcher writes, as frozen pydantic models. Defaults keep common specs short.

The strings below the fields are the help texts of the published JSON Schema. Defaults that are
tables are constructed without validation, which would build a validator for each at every start.
What a block takes as options is not known here: `archcompiler.spec.references` checks it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from archcompiler.config.base import Model

MAX_STAGES = 1000
"""Stages that a spec may have."""
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Channels = Annotated[int, Field(ge=1, le=65_536)]
Stride = Annotated[int, Field(ge=1, le=16)]
Number = Annotated[int, Field(ge=0, le=1_000_000_000)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
ClassName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=64)]


Logits = Annotated[int, Field(ge=1, le=1_000_000)]


class Reference(Model):
    """A block or an operator by its `type`, with its options."""

    model_config = ConfigDict(extra="allow")

    type: str

    def table(self) -> dict[str, Any]:
        """The type and every option that is set."""
        return {"type": self.type, **(self.model_extra or {})}


def _from_name(value: object) -> object:
    """`"resnext"` is short for `{ type = "resnext" }`."""
    return {"type": value} if isinstance(value, str) else value


Named = Annotated[Reference, BeforeValidator(_from_name)]


class Attention(Reference):
    """Attention modules: the options of the block `attention`, or of another `type`."""

    type: str = "attention"


class Stem(Reference):
    """What comes before the stages: a block, with its channels and options."""

    channels: Channels | None = None
    """Output channels; by default what the block says."""
    stride: Stride | None = None
    """Stride of the block; by default what it says."""


class Head(Reference):
    """What comes after the stages: a block that returns the logits."""

    type: str = "linear"
    outputs: dict[Identifier, Logits] | None = None
    """Several outputs by name, with the logits of each, in order: parts of the `classes`."""


class Norm(Reference):
    """What the operator `norm` means in every block."""

    type: str = "batch"


class Stage(Model):
    """Units and attention modules at one resolution."""

    channels: Channels
    """Output channels."""
    stride: Stride = 1
    """Stride of the stage's first unit."""
    before: Number = 1
    """Plain units before the attention modules."""
    modules: Number = 0
    """Attention modules."""
    after: Number = 0
    """Plain units after the attention modules."""
    depth: Annotated[int, Field(ge=0, le=16)] | None = None
    """How often the mask halves the resolution; needed where a mask goes down and up."""
    grow: bool = False
    """Whether channels grow from unit to unit, by equal steps, instead of in the first one."""
    unit: Named | None = None
    """Unit type of the plain units; by default the network's."""
    attention: Annotated[Attention, BeforeValidator(_from_name)] = Attention.model_construct()
    """What this stage changes of the network's `attention`."""


class Init(Model):
    """Initialisation of the weights. BN starts at scale 1 and shift 0."""

    conv: Literal["he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "torch"] = (
        "he_normal"
    )
    """Distribution of convolution weights, transposed too; torch: the framework's own default."""
    fan: Literal["in", "out"] = "out"
    """Which connections He initialisation counts; of transposed convolutions they are swapped."""


Quantity = Annotated[
    Any,
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
"""A number or comparisons, which `archcompiler.spec.bounds` reads."""
Sides = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer", "minimum": 1}},
            ]
        }
    ),
]


class Expect(Model):
    """What the network has to be; where it is not, that is an error."""

    params: Quantity = None
    """Learnable parameters: a number, or `"<= 32M"`, or `">= 30M, < 32M"`; `"any"` takes back what
    an extended spec expects."""
    macs: Quantity = None
    """Multiply-accumulates for one image of the spec's `input`."""
    memory: Quantity = None
    """Bytes that autograd keeps of one image for the backward pass, in float32."""
    depth: Quantity = None
    """Layers of the trunk."""
    valid: Annotated[tuple[Sides, ...], Field(max_length=20)] | None = None
    """Sizes that the network has to take: 320 for every side, [320, 480] for height and width."""


class Spec(Model):
    """A network. This is the root of a spec file."""

    name: Identifier
    """Names the emitted file and builder: lower case, digits and underscores. A spec that extends
    another and has a name of its own does not inherit its class name, title and description."""
    class_name: ClassName | None = None
    """The emitted class; by default the name in CapWords."""
    title: Text | None = None
    """How figures and tables call the network; by default its class name."""
    description: Text | None = None
    """Goes into the docstring of the emitted file."""
    input: Annotated[tuple[Pixels, ...], Field(min_length=2, max_length=4)]
    """C and one to three sizes (C, H, W) at which shapes and costs are reported; the network takes
    any valid sizes."""
    classes: Logits
    """Logits that the network returns, of all outputs together."""
    stem: Annotated[Stem, BeforeValidator(_from_name)]
    """What comes before the stages: a convolution, or a convolution and a pool."""
    unit: Named = Reference.model_construct(type="preact_bottleneck")
    """Unit type of everything that names none."""
    attention: Annotated[Attention, BeforeValidator(_from_name)] = Attention.model_construct()
    """Defaults of every attention module; a stage may change any of them."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=MAX_STAGES)]
    """Stages in the order of the forward pass."""
    output_stride: Annotated[int, Field(ge=1, le=64)] | None = None
    """Pixels of the input from one position of the last stage to the next, at most: a stage that
    would go beyond has dilated units in place of a stride. For segmentation; units need the
    option `dilation`."""
    head: Annotated[Head, BeforeValidator(_from_name)] = Head.model_construct()
    """What comes after the stages."""
    activation: Named = Reference.model_construct(type="relu")
    """What the operator `act` means in every block."""
    norm: Annotated[Norm, BeforeValidator(_from_name)] = Norm.model_construct()
    """What the operator `norm` means in every block: batch, group, layer or none."""
    init: Init = Init.model_construct()
    expect: Expect | None = None
    """What the network has to be: parameters, MACs, memory, depth, valid sizes."""
    blocks: dict[str, Any] = Field(default_factory=dict)
    """Blocks of this spec: units, masks, stems, heads and parts of them."""
