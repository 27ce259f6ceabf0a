"""A plan for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcompiler.analysis.costs import network_cost
from archcompiler.plan.planning import GB, Plan
from archcompiler.runner.report.progress import duration
from archcompiler.runner.system.memory import size

Row = tuple[str, str, str]
"""What it is, how much, and a remark."""


def as_text(plan: Plan, others: Mapping[str, Plan]) -> str:
    """Lines for a terminal; `others` are plans by the setting that differs."""
    rows = [*_memory(plan), *_room(plan), *_alternatives(plan, others), *_time(plan)]
    names = max(len(name) for name, *_ in rows)
    amounts = max(len(amount) for _, amount, _ in rows)
    lines = [
        f"  {name:<{names}}  {amount:>{amounts}}  {remark}".rstrip()
        for name, amount, remark in rows
    ]
    return "\n".join([_title(plan), "", *lines, "", *_assumptions(plan)]) + "\n"


def _title(plan: Plan) -> str:
    accelerator, processes = plan.machines.accelerator, plan.machines.processes
    machine = "" if accelerator is None else accelerator.title
    if processes > 1:
        machine = f"{processes} × {machine or 'processes'}, {plan.machines.strategy}"
    each = "" if plan.part == plan.batch else f", {plan.part:,} at a time"
    words = (
        f"{plan.batch:,} images a step{each}",
        "16-bit autocast" if plan.half else "float32",
        machine,
    )
    return f"{plan.network.name}: {', '.join(filter(None, words))}"


def _memory(plan: Plan) -> Iterator[Row]:
    moment, part = plan.highest, plan.part
    one = size(plan.step.forward.image)
    yield "weights", size(plan.weights), "parameters and buffers"
    if plan.optimizer:
        averages = plan.recipe.optimizer.averages
        words = f"{averages} average{'s' * (averages > 1)} of the gradients"
        yield "optimizer", size(plan.optimizer), f"{plan.recipe.optimizer.type}: {words}"
    if plan.average:
        yield "moving average", size(plan.average), f"ema = {plan.recipe.ema:g}"
    if plan.sums:
        yield "sums", size(plan.sums), "of shards' gradients, which wait for those of others"
    yield "images", size(plan.images), ""
    yield (
        "activations",
        size(moment.kept.of(part)),
        f"kept then; {one} an image at first",
    )
    if plan.again is not None:
        macs = network_cost(plan.network.graph).macs
        share = plan.again.macs / macs if macs else 0.0
        limit = plan.recipe.speed.memory
        why = ", where nothing is compiled" if limit == "auto" else ""
        words = f"speed.memory = {limit}{why}: {share:.1%} of a forward pass's MACs"
        yield "made again", f"{plan.again.macs / 1e6:,.1f} M", f"{words}, an image"
    yield "gradients", size(moment.gradients), "of parameters, as far as they are there"
    if moment.gathered:
        yield "gathered", size(moment.gathered), "parameters that are whole then, and exchanged"
    yield "passing", size(moment.passing.of(part)), "gradients of maps on their way"
    yield "peak", size(plan.peak), f"while {moment.where} is differentiated"


def _room(plan: Plan) -> Iterator[Row]:
    room, most = plan.room, plan.most
    if room is None:
        return
    verdict = "fits" if plan.fits else "does not fit"
    if most is not None:
        verdict += f"; at most {most:,} images at a time do"
    yield "there are", size(room), verdict


def _alternatives(plan: Plan, others: Mapping[str, Plan]) -> Iterator[Row]:
    for setting, other in others.items():
        key, value = setting.split("=")
        words = f"with {key} = {value}"
        if other.most is not None:
            words += f", at most {other.most:,} images"
        if plan.seconds and other.seconds:
            words += f"; {other.seconds / plan.seconds:.2f} times the step"
        yield key.removeprefix("speed."), size(other.peak), words


def _time(plan: Plan) -> Iterator[Row]:
    if plan.seconds is None:
        return
    rate = plan.batch / plan.seconds
    yield "step", f"{plan.seconds * 1e3:,.1f} ms", f"at least: {rate:,.0f} images/s"
    if plan.iterations is not None:
        run = duration(plan.seconds * plan.iterations)
        yield "run", run, f"at least: {plan.iterations:,} steps"


def _assumptions(plan: Plan) -> Iterator[str]:
    yield (
        "Memory: maps and gradients as eager PyTorch holds them, without workspaces of kernels,\n"
        "gaps between blocks of memory, and what a driver takes."
    )
    if plan.machines.accelerator is None and plan.recipe.speed.precision == "auto":
        yield (
            "Precision: float32, as no device is named. One that computes bfloat16, as newer\n"
            "processors do, trains in it: `--set speed.precision=bfloat16` plans that."
        )
    if plan.machines.sharded:
        yield "Shards: a block at a time is whole, and all that is in none, as FSDP2 has them."
    if plan.seconds is not None:
        yield (
            "Time: by the roofline, each operator by itself at the accelerator's peaks, without\n"
            "the optimizer's step, the exchange of gradients, and the data."
        )
    gpu = plan.machines.accelerator
    if gpu is not None and not gpu.bfloat16 and plan.recipe.speed.precision == "bfloat16":
        yield (
            f"bfloat16: {gpu.title} emulates it, more slowly than float32; the time is that\n"
            "of float16, which it computes."
        )
    if plan.iterations is None:
        yield "Length of the run: `--images N` says how many an epoch has."


def record(plan: Plan, others: Mapping[str, Plan]) -> dict[str, Any]:
    """All numbers, in bytes and seconds."""
    recomputed = others.get("speed.checkpointing=true")
    moment, part = plan.highest, plan.part
    accelerator = plan.machines.accelerator
    return {
        "name": plan.network.name,
        "batch": plan.batch,
        "part": part,
        "accumulate": plan.recipe.speed.accumulate,
        "shards": plan.recipe.speed.shards,
        "processes": plan.machines.processes,
        "strategy": plan.machines.strategy if plan.machines.processes > 1 else None,
        "precision": "half" if plan.half else "single",
        "device": None if accelerator is None else accelerator.name,
        "device_bytes": None if accelerator is None else accelerator.memory * GB,
        "weights_bytes": plan.weights,
        "optimizer_bytes": plan.optimizer,
        "average_bytes": plan.average,
        "sums_bytes": plan.sums,
        "images_bytes": plan.images,
        "activations_bytes": moment.kept.of(part),
        "gradients_bytes": moment.gradients,
        "gathered_bytes": moment.gathered,
        "passing_bytes": moment.passing.of(part),
        "peak_bytes": plan.peak,
        "peak_at": moment.where,
        "kept_bytes_per_image": plan.step.forward.image,
        "again_macs_per_image": None if plan.again is None else plan.again.macs,
        "kept_bytes_per_batch": plan.step.forward.batch,
        "fits": plan.fits if accelerator is not None else None,
        "most_images": plan.most,
        "checkpointing_peak_bytes": None if recomputed is None else recomputed.peak,
        "checkpointing_most_images": None if recomputed is None else recomputed.most,
        "alternatives": [
            {
                "setting": setting,
                "peak_bytes": other.peak,
                "most_images": other.most,
                "step_seconds": other.seconds,
            }
            for setting, other in others.items()
        ],
        "step_seconds": plan.seconds,
        "iterations": plan.iterations,
        "run_seconds": None
        if plan.seconds is None or plan.iterations is None
        else plan.seconds * plan.iterations,
    }
