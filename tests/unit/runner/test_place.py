"""Who says which process of how many one is, and what of it cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from unit.runner.jobs import TINY

from archcompiler.cli.train import command
from archcompiler.diagnostics import CompileError
from archcompiler.runner import training
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.system.place import (
    ALONE,
    Place,
    first_host,
    launch_name,
    read_place,
    restarts,
)
from archcompiler.runner.training import Job, Outcome

TORCHRUN = {
    "RANK": "9",
    "WORLD_SIZE": "16",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "8",
    "MASTER_ADDR": "a",
    "MASTER_PORT": "29500",
}
# As `srun env` prints them, for the tenth task of 16 on two nodes.
SRUN = {
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
    "SLURM_NTASKS": "16",
    "SLURM_STEP_NUM_TASKS": "16",
    "SLURM_STEP_TASKS_PER_NODE": "8(x2)",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_ID": "0",
}
BATCH = {k: v for k, v in SRUN.items() if "STEP" not in k}
"""In a batch script outside `srun`, which is one process of one."""


def test_the_environment_says_who_one_is() -> None:
    assert read_place({}) == ALONE
    assert read_place(TORCHRUN) == Place(9, 16, 1, 8)
    assert read_place(SRUN) == Place(9, 16, 1, 8, "tcp://gpu07:20638", by_slurm=True)
    assert read_place(BATCH) == ALONE
    assert read_place(SRUN | {"SLURM_STEP_NUM_TASKS": "1"}) == ALONE
    assert read_place(SRUN | TORCHRUN) == read_place(TORCHRUN)
    chosen = {"MASTER_ADDR": "b", "MASTER_PORT": "3"}
    assert read_place(SRUN | chosen).meeting == "tcp://b:3"


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("n1", "n1"),
        ("n1,n2", "n1"),
        ("n[01-16,20],m", "n01"),
        ("rack[2-4]-n[5,7]-ib,login", "rack2-n5-ib"),
        ("", ""),
    ],
)
def test_the_first_of_slurms_hosts(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (TORCHRUN | {"RANK": "x"}, "`RANK` is 'x', not a number"),
        (TORCHRUN | {"RANK": "-1"}, "`RANK` is '-1', not a number"),
        (TORCHRUN | {"WORLD_SIZE": "0"}, "there is no process"),
        (TORCHRUN | {"RANK": "16"}, "the last is 15"),
        (TORCHRUN | {"LOCAL_RANK": "²"}, "`LOCAL_RANK` is '²'"),
        (TORCHRUN | {"MASTER_ADDR": ""}, "`MASTER_ADDR` is not set"),
        ({"RANK": "0"}, "`WORLD_SIZE` is not set"),
        ({"WORLD_SIZE": "8"}, "`RANK` is not set"),
        (SRUN | {"SLURM_PROCID": "99"}, "`SLURM_PROCID` is 99"),
        (SRUN | {"SLURM_STEP_NODELIST": ""}, "`SLURM_STEP_NODELIST` is not set"),
    ],
)
def test_what_cannot_be_is_said(environment: dict[str, str], message: str) -> None:
    with pytest.raises(CompileError, match="E721") as caught:
        read_place(environment)
    assert message in caught.value.diagnostics[0].message


@pytest.mark.parametrize("own", [True, False])
def test_a_restart_by_torchrun_goes_on_with_its_own_run_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, own: bool
) -> None:
    resumed = []

    def train(job: Job) -> Outcome:
        resumed.append(job.resume)
        return Outcome(True, 1)

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    words = [str(spec), "--recipe", "smoke", "--out", str(tmp_path / "run")]
    command.main(words, standalone_mode=False)
    folder = RunFolder(tmp_path / "run")
    folder.checkpoints.mkdir(parents=True)
    (folder.checkpoints / "last.pt").touch()
    name = launch_name()
    if name is None:
        pytest.skip("needs Linux to tell one start from another")
    folder.launcher.write_text(name if own else "another")
    if own:
        command.main(words, standalone_mode=False)
        assert resumed == [True, True]
    else:
        with pytest.raises(SystemExit):
            command.main(words, standalone_mode=False)
        assert "E705" in capsys.readouterr().err


def test_a_start_has_a_name_that_its_restarts_share() -> None:
    assert launch_name({}) is None
    first, second = ({"TORCHELASTIC_RESTART_COUNT": n} for n in "01")
    assert launch_name(first) == launch_name(second)
    assert str(os.getppid()) in (launch_name(first) or str(os.getppid()))
    assert (restarts({}), restarts(second)) == (0, 1)


def test_a_step_need_not_say_how_many_tasks_a_node_has() -> None:
    untold = {k: v for k, v in SRUN.items() if k != "SLURM_STEP_TASKS_PER_NODE"}
    assert read_place(untold).local_size == 2  # As many as this one's number says there are.
    assert read_place(untold | {"SLURM_LOCALID": "0"}).local_size == 1
