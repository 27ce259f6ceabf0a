"""How much faster the file for inference is, and runtimes that are given it, than eager PyTorch.

`python benchmarks/deploy.py [SPEC]` times one network at its own input size on the CPU, for batches
of 1 and 4: the emitted training file in evaluation, as it is and channels-last, the file for
inference the same two ways, and its ONNX in ONNX Runtime and in OpenVINO, all in float32. They take
turns, so that what else the machine does falls on all of them. In each turn the first pass does not
count: threads of the runtime before it wait actively, and slow it down by three to ten. The median
of the others does. Beside it stands the largest difference of a logit from that of the training
file in float64, as a share of the largest. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import archcompiler
from archcompiler.runner.export.onnx_model import INPUT, OPSET, onnx_bytes
from archcompiler.verify.inference import apart, randomise

Predict = Callable[[Tensor], Any]
PASSES = 1
"""Of each turn, that count."""


def networks(network: archcompiler.CompiledNetwork) -> tuple[nn.Module, nn.Module]:
    """The training file with random statistics, and the file for inference with its weights."""
    torch.manual_seed(0)
    trained = network.module().eval()
    randomise(trained, torch.randn(2, *network.spec.input))
    deployed: Any = network.deployed.module().eval()
    deployed.load_trained(trained.state_dict())
    return trained, deployed


def eager(trained: nn.Module, deployed: nn.Module) -> Predict:
    return trained


def eager_last(trained: nn.Module, deployed: nn.Module) -> Predict:
    model = trained.to(memory_format=torch.channels_last)
    return lambda images: model(images.contiguous(memory_format=torch.channels_last))


def file(trained: nn.Module, deployed: nn.Module) -> Predict:
    return deployed


def file_last(trained: nn.Module, deployed: nn.Module) -> Predict:
    return eager_last(deployed, deployed)


def onnx_runtime(trained: nn.Module, deployed: nn.Module) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    data = onnx_bytes(deployed, SHAPE, {})
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {INPUT: images.numpy()})[0]


def open_vino(trained: nn.Module, deployed: nn.Module) -> Predict:
    import openvino

    # By itself it takes bfloat16 where the CPU has that.
    wanted = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    wanted["INFERENCE_NUM_THREADS"] = str(torch.get_num_threads())
    core = openvino.Core()
    model = core.read_model(io.BytesIO(onnx_bytes(deployed, SHAPE, {})))
    compiled = core.compile_model(model, "CPU", wanted)
    return lambda images: compiled({INPUT: images.numpy()})[0]


CANDIDATES = {
    "eager": eager,
    "eager, channels-last": eager_last,
    "inference file": file,
    "inference file, channels-last": file_last,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": open_vino,
}
SHAPE = (3, 224, 224)


def images(batch: int) -> Tensor:
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(1))


def main() -> None:
    global SHAPE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", nargs="?", default="attention56")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.spec}, {arguments.threads} threads, torch {torch.__version__}, ", end="")
    print(f"{platform.machine()}, ONNX opset {OPSET}, {arguments.rounds} rounds", flush=True)
    network = archcompiler.compile(arguments.spec)
    SHAPE = network.spec.input
    made = {name: make(*networks(network)) for name, make in CANDIDATES.items()}
    trained, _ = networks(network)
    with torch.inference_mode():
        for batch in (1, 4):
            x = images(batch)
            exact = trained.double()(x.double())
            report(batch, x, exact, made, arguments.rounds)


def report(batch: int, x: Tensor, exact: Tensor, made: dict[str, Predict], rounds: int) -> None:
    """Time every candidate in turns, and print a table."""
    times: dict[str, list[float]] = {name: [] for name in made}
    errors = {}
    for _ in range(rounds):
        for name, predict in made.items():
            for turn in range(PASSES + 1):
                start = time.perf_counter()
                found = predict(x)
                if turn:
                    times[name].append(time.perf_counter() - start)
            errors[name] = apart(exact, torch.as_tensor(found).double())
    median = {name: statistics.median(each) for name, each in times.items()}
    print(f"\n| batch {batch} | ms | fastest | times eager | error |")
    print("| :-- | --: | --: | --: | --: |")
    for name, each in times.items():
        ratio = median["eager"] / median[name]
        numbers = f"{1e3 * median[name]:.0f} | {1e3 * min(each):.0f} | {ratio:.2f}"
        print(f"| {name} | {numbers} | {errors[name]:.1e} |", flush=True)


if __name__ == "__main__":
    main()
