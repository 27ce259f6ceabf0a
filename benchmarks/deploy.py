"""How much faster the file for inference is, and runtimes that are given it, than eager PyTorch.

`python benchmarks/deploy.py [SPEC]` times one network at its own input size on the CPU, for batches
of 1 and 4: the emitted training file in evaluation, as it is and channels-last, the file for
inference the same two ways, and the latter's ONNX in ONNX Runtime and OpenVINO. All take turns, so
that what else the machine does falls on each alike; the median of the rounds counts. The largest
difference of a logit from those of the training file in float64, as a share of the largest logit,
stands beside it. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
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

Predict = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", nargs="?", default="attention56")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    network = archcompiler.compile(arguments.spec)
    print(f"{network.name}, input {network.spec.input}, {arguments.threads} threads, ", end="")
    print(f"torch {torch.__version__}, {platform.machine()}, ONNX opset {OPSET}", end="\n\n")
    trained, deployed = networks(network)
    data = onnx_bytes(deployed, tuple(network.spec.input), {})
    for batch in arguments.batches:
        images = torch.randn(batch, *network.spec.input)
        with torch.inference_mode():
            report(batch, images, trained, candidates(trained, deployed, data, images), arguments)


def networks(network: archcompiler.CompiledNetwork) -> tuple[nn.Module, nn.Module]:
    """The training file with random statistics, and the file for inference with its weights."""
    torch.manual_seed(0)
    trained = network.module().eval()
    randomise(trained, torch.randn(2, *network.spec.input))
    deployed: Any = network.deployed.module().eval()
    deployed.load_trained(trained.state_dict())
    return trained, deployed


def candidates(
    trained: nn.Module, deployed: nn.Module, data: bytes, images: Tensor
) -> dict[str, Predict]:
    """What is timed, each as a call that gives logits."""
    from copy import deepcopy

    found: dict[str, Predict] = {}
    last = images.contiguous(memory_format=torch.channels_last)
    for name, module in (("eager", trained), ("inference file", deployed)):
        found[name] = lambda module=module: module(images)
        other = deepcopy(module).to(memory_format=torch.channels_last)
        found[f"{name}, channels-last"] = lambda other=other: other(last)
    return found | {
        "ONNX Runtime": onnx_runtime(data, images),
        "OpenVINO": open_vino(data, images),
    }


def onnx_runtime(data: bytes, images: Tensor) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {INPUT: images.numpy()})[0]


def open_vino(data: bytes, images: Tensor) -> Predict:
    import io

    import openvino

    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": torch.get_num_threads()})
    # By default it takes bfloat16 where the CPU has that.
    compiled = core.compile_model(
        core.read_model(io.BytesIO(data)),
        "CPU",
        {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"},
    )
    return lambda: compiled({INPUT: images.numpy()})[0]


def report(
    batch: int, images: Tensor, trained: nn.Module, runs: dict[str, Predict], arguments: Any
) -> None:
    exact = trained.double()(images.double())
    trained.float()
    errors = {n: apart(exact, torch.as_tensor(run()).double()) for n, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(arguments.rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    median = {name: statistics.median(each) for name, each in times.items()}
    print(
        f"| batch {batch} | ms | fastest | times eager | error |\n| :-- | --: | --: | --: | --: |"
    )
    for name in runs:
        ratio = median["eager"] / median[name]
        least = min(times[name])
        numbers = (f"{1e3 * median[name]:.0f}", f"{1e3 * least:.0f}", f"{ratio:.2f}")
        print(f"| {name} | {' | '.join(numbers)} | {errors[name]:.1e} |")
    print(flush=True)


if __name__ == "__main__":
    main()
