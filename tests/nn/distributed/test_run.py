"""`python -m nn.distributed.run`: what it starts and shows, how it ends, and what a fault of one rank does to all."""

from __future__ import annotations

import io
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nn.distributed import run
from nn.distributed.launch import engines, rank as rank_program
from nn.distributed.launch.job import Job, Outcome, _Output, _Stream
from nn.distributed.launch.rank import FOLDER, Report, write_report
from nn.saving import load_checkpoint

from .faulty import network
from .jobs import FAULTY, MPIEXEC, RUN, bearing, done, gone, running

NO_MPI = engines.find_engine() is None
ci = [pytest.mark.ci, pytest.mark.skipif(NO_MPI, reason="needs mpiexec: pip install 'autograd-lite[mpi]'")]


def job(*arguments: object, timeout: float = 30, **environment: str):
    return done([*RUN, *map(str, arguments)], timeout, **environment)


# What needs no MPI.


def outcome(code: int = 1, reports=None, killed=None, told: int = 0) -> Outcome:
    return Outcome(code, reports or {}, killed, told, {}, "mpiexec: no such host")


def test_the_rank_that_failed_by_itself_gives_the_status_and_the_reason() -> None:
    own = Report("raised ValueError: bad", "Traceback\n", 1, about=2, when=20.0)
    other = Report("raised Exception: MPI_ERR_OTHER", "Traceback of it\n", 1, about=0, when=10.0, second=True)
    both = outcome(7, {0: other, 2: own})
    assert run.status(both) == 1
    assert run.explain(both, 3) == [
        *("Traceback", "nn.distributed.run: rank 2 of 3 raised ValueError: bad"),
        *("  rank 0 raised Exception: MPI_ERR_OTHER", "  rank 1 was ended with it"),
    ]
    killed = outcome(9, {0: other}, (1, signal.SIGKILL))
    assert run.status(killed) == 137
    assert "rank 1 of 3 was killed by SIGKILL" in "\n".join(run.explain(killed, 3))
    assert run.status(outcome(-9)) == 137
    assert run.status(outcome(0, {0: other}, told=signal.SIGTERM)) == 143
    assert run.explain(outcome(5), 2) == ["mpiexec: no such host"]  # there is nothing better
    silent = outcome(1, {0: Report("is stopped (SIGSTOP)", about=1)})
    assert run.explain(silent, 2) == ["nn.distributed.run: rank 1 of 2 is stopped (SIGSTOP)", "  rank 0 has found it"]


@pytest.mark.parametrize(
    ("files", "code", "reason"),
    [
        (
            ["report-0.new", "new-report-1", "pid-0.swp", "report-x"],
            0,
            "",
        ),  # what other programs leave, or half a report
        (["finished-0", "finished-1"], 0, ""),
        (["finished-0"], 1, "rank 1 of 2 ended before the end of its script"),
        (["finished-0", "left-1"], 1, "rank 1 of 2 ended before the end of its script"),
        (["left-1"], 1, "rank 1 of 2 ended before the end of its script"),  # whose end MPI makes the other's
        (["left-0", "left-1"], 0, ""),  # on purpose
    ],
)
def test_what_ranks_leave_in_the_folder_tells_how_they_ended(files: list[str], code: int, reason: str) -> None:
    it = Job(engines.Engine("mpiexec", engines.KINDS[2]), 2, ["train.py"], {})
    try:
        ranks = [] if files[0] == "report-0.new" else [0, 1]
        for name in [*files, *(f"pid-{rank}" for rank in ranks)]:
            (it.folder / name).write_text("1")
        found = it._outcome(0)
        assert run.status(found) == code
        assert reason in "\n".join(run.explain(found, 2))
    finally:
        shutil.rmtree(it.folder)


def test_a_report_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, os.fspath(tmp_path))
    monkeypatch.setenv("PMI_RANK", "1")
    seen: list[list[str]] = []
    monkeypatch.setattr(Path, "replace", lambda self, to: seen.append([p.name for p in tmp_path.glob("report-*")]))
    assert write_report(Report("raised ValueError: bad"))
    assert seen == [[]]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "expected a script; received none"),
        (["-n", "2", "gone.py"], r"expected a script; received 'gone.py', which is not in /"),
        (["-n", "100000", __file__], r"expected -n from 1 to \d+, 32 for each core; received 100000"),
        (["-n", "-1", __file__], "expected -n from 1 .*; received -1"),
        (["--restarts", "-1", "-n", "1", __file__], "expected --restarts of at least 0; received -1"),
    ],
)
def test_what_is_wrong_with_a_command_line(given: list[str], says: str, capsys, monkeypatch) -> None:
    monkeypatch.setattr(run, "find_engine", lambda: engines.Engine("mpiexec", engines.KINDS[2]))
    assert run.main(given) == 2
    assert re.search(says, capsys.readouterr().err)


def test_without_an_mpi_it_tells_what_to_install(capsys, monkeypatch) -> None:
    monkeypatch.setattr(run, "find_engine", lambda: None)
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda _: None)
    assert run.main(["-n", "1", __file__]) == 2
    said = capsys.readouterr().err
    assert "expected mpi4py and an MPI (mpiexec); found none" in said
    assert "pip install 'autograd-lite[mpi]'" in said


def test_each_rank_gets_its_share_of_the_cores_unless_the_user_says_otherwise(monkeypatch) -> None:
    monkeypatch.setattr(run, "cores", lambda: 7)
    found = run.environment(3, {"OMP_NUM_THREADS": "5", "HOME": "/"})
    assert found == {**dict.fromkeys(run.THREADS, "2"), "OMP_NUM_THREADS": "5", "HOME": "/"}
    assert run.environment(99, {})["AUTOGRAD_LITE_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("version", "title"),
    [
        ("HYDRA build details:\n    Version: 5.0.2", "MPICH"),
        ("mpiexec (Open MPI) 5.0.11", "Open MPI"),
        ("mpirun (Open MPI) 4.1.4", "Open MPI"),
        ("Intel(R) MPI Library for Linux* OS, Version 2021.14 (HYDRA)", "Intel MPI"),
        ("Microsoft MPI Startup Program [Version 10.1.12498.18]", "Microsoft MPI"),
        ("something else", "an unknown MPI"),
    ],
)
def test_which_mpi_it_is(version: str, title: str) -> None:
    assert engines.kind_of(version).title == title


def test_what_mpiexec_says_of_a_killed_rank() -> None:
    said = {
        "MPICH": "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)\n",
        "Open MPI": "prterun noticed that process rank 1 with PID 16928 on node vm exited on\nsignal 9 (Killed).\n",
    }
    for kind in engines.KINDS:
        if kind.title in said:
            found = re.search(kind.killed, said[kind.title])
            assert found is not None
            assert found.groupdict() == {"signal": "9"} | ({"rank": "1"} if kind.title == "Open MPI" else {})


def test_rank_0_is_untouched_and_lines_of_others_come_between_its_lines() -> None:
    target = io.BytesIO()
    stream, tails = _Stream(target), [[], []]
    zero, one = _Output(0, stream, True, tails[0]), _Output(1, stream, True, tails[1])
    zero.take(b"\r1/9 [=  ]")
    one.take(b"he")
    one.take(b"llo\nthe")
    assert target.getvalue() == b"\r1/9 [=  ]"
    zero.take(b"\r9/9 [===]\n")
    zero.take(b"end")
    one.close()
    zero.close()
    assert target.getvalue() == b"\r1/9 [=  ]\r9/9 [===]\n[1] hello\nend\n[1] the\n"
    assert tails == [[], ["hello", "the"]]


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="the order in which ranks end is known on Linux")
def test_the_launcher_hears_of_an_end_before_mpi_does(tmp_path: Path) -> None:
    """MPI hears of it by a socket that the rank got before it started, and kills the others."""
    os.mkfifo(tmp_path / "life-0")
    life = os.open(tmp_path / "life-0", os.O_RDONLY | os.O_NONBLOCK)
    mpi, of_rank = os.pipe()
    hold = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {os.fspath(Path(rank_program.__file__).parent)!r})
import rank
rank._hold_life(Path({os.fspath(tmp_path)!r}), 0)
if not os.fork():
    os.close({of_rank})
    print(flush=True)
    time.sleep(3)
    os._exit(0)
time.sleep(60)
"""
    with select.epoll() as events:
        with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, pass_fds=[of_rank]) as process:
            os.close(of_rank)
            events.register(life)
            events.register(mpi)
            assert process.stdout is not None
            process.stdout.readline()
            assert events.poll(0) == []
            process.kill()
        ended = [descriptor for descriptor, _ in events.poll(5)]
    for descriptor in (life, mpi):
        os.close(descriptor)
    assert ended == [life, mpi]


# Real jobs.

PRINTING = """
import os, sys, time
print("start", sys.argv[1:], __name__, os.environ["OPENBLAS_NUM_THREADS"], os.environ["AUTOGRAD_LITE_NUM_THREADS"])
from nn import distributed
comm = distributed.init()
print(f"\\rbar {comm.size}", end="", flush=True)
print("warning", comm.rank, file=sys.stderr)
time.sleep(float(sys.argv[2]))
"""


class TestJobs:
    pytestmark = ci

    def test_the_output_is_that_of_rank_0_and_the_status_0(self, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_text(PRINTING)
        found = job("-n", 2, tmp_path / "train.py", "-n", 0, OPENBLAS_NUM_THREADS="3")
        assert (found.code, found.err.count("warning 0"), found.err.count("warning 1")) == (0, 1, 0)
        share = max(1, run.cores() // 2)
        assert found.out.encode() == f"start ['-n', '0'] __main__ 3 {share}\n\rbar 2".encode()

    @pytest.mark.parametrize(
        ("fault", "n", "code", "words"),
        [
            ("raise", 2, 1, "rank 1 of 2 raised ValueError: a row of nothing but NaN"),
            ("exit", 2, 3, r"rank 1 of 2 ended with status 3 \(sys.exit\)"),
            ("kill", 4, 137, "rank 1 of 4 was killed by SIGKILL"),
            ("stop", 2, 1, r"rank 1 of 2 is stopped \(SIGSTOP\)"),
            ("shrink", 2, 135, "rank 1 of 2 was killed by SIGBUS; mostly a file that it had mapped"),
            (
                "leave",
                2,
                1,
                r"rank 1 of 2 ended before the end of its script, with status 0 \(os._exit on it alone\?\)",
            ),
            ("sleep", 2, 1, r"rank 1 of 2 has computed nothing for \d s while others wait for it \(a sleep, a lock"),
            ("freeze", 2, 1, r"expected the same tensors of the model on every rank; .* frozen.*, .*on rank 1"),
        ],
    )
    def test_a_fault_ends_the_job_with_its_reason(self, fault, n, code, words, tmp_path: Path) -> None:
        patience = {"NN_DISTRIBUTED_PATIENCE": "4"} if fault == "sleep" else {}
        found = job("-n", n, FAULTY, tmp_path, fault, timeout=60, **patience)
        assert time.time() - float((tmp_path / "met").read_text()) < 20  # mostly 0.3 s, and 3.3 s for "stop"
        assert found.code == code
        assert re.search(words, found.err), found.err
        assert found.err.count("Traceback") == (fault in ("raise", "freeze"))
        failed = re.search(r"rank (\d) of", found.err)
        for rank in {*range(n)} - {int(failed[1]) if failed else -1}:  # every other rank has its line
            assert len(re.findall(rf"^  rank {rank} (was ended|has found|raised)", found.err, re.MULTILINE)) == 1
        assert load_checkpoint(tmp_path / "checkpoint.safetensors", network())["epoch"] == 1

    def test_a_restart_ends_with_the_bits_of_an_uninterrupted_run(self, tmp_path: Path) -> None:
        for name in ("whole", "killed"):
            (tmp_path / name).mkdir()
        whole = job("-n", 2, FAULTY, tmp_path / "whole", "none")
        step = 4 + time.time_ns() % 20
        killed = job("-n", 2, "--restarts", 1, FAULTY, tmp_path / "killed", "kill", step)
        assert (whole.code, killed.code) == (0, 0), killed.err
        assert "starting again, 1 of 1" in killed.err
        assert re.findall(r"begins with epoch (\d)", killed.out) == ["0", str(step // 4)]
        assert whole.out.splitlines()[-1] == killed.out.splitlines()[-1]
        assert whole.out.splitlines()[-1].startswith("weights ")

    @pytest.mark.parametrize("given", [signal.SIGINT, signal.SIGKILL])
    def test_a_signal_to_the_launcher_ends_all(self, given: signal.Signals, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_text(PRINTING)
        with running([*RUN, "-n", "2", tmp_path / "train.py", "-n", "60"]) as it:
            assert it.process.stdout is not None
            said = b""
            while not said.endswith(b"bar 2"):  # then it prints no more, and would not notice that no one reads
                byte = it.process.stdout.read(1)
                assert byte, said  # it has ended
                said += byte
            time.sleep(0.3)
            assert len(bearing(it.mark)) >= 4
            os.kill(it.process.pid, given)
            if given != signal.SIGKILL:
                _, err = it.process.communicate(timeout=10)
                assert it.process.returncode == 128 + given
                assert f"{given.name} has ended the job" in err.decode()
                assert b"Traceback" not in err
            assert gone(it.mark, 5)

    def test_without_the_launcher_the_ranks_say_themselves_what_has_happened(self, tmp_path: Path) -> None:
        found = done([MPIEXEC, "-n", "4", sys.executable, FAULTY, tmp_path, "raise"])
        assert found.code == 1
        assert found.err.count("Traceback") == 1
        assert "nn.distributed: rank 1 raised ValueError" in found.err
        for rank in (0, 2, 3):
            assert f"nn.distributed: rank {rank} was ended by rank 1: rank 1 raised ValueError" in found.err
        found = done([MPIEXEC, "-n", "2", sys.executable, FAULTY, tmp_path, "exit"])
        assert found.code == 1
        assert "rank 1 has ended while others wait for it" in found.err
        assert time.time() - float((tmp_path / "met").read_text()) < 10


def test_a_script_that_no_launcher_has_started_needs_no_mpi(tmp_path: Path) -> None:
    told = "import sys; from nn import distributed; distributed.init(); print('mpi4py' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "False\n"
