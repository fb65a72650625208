"""The program that `nn.distributed.run` starts as each rank: a script whose output and end the launcher sees.

It runs as a file and imports nothing of ours, so that the script finds Python as it would be without it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn

# The folder through which a launcher and the ranks on its machine meet.
FOLDER = "NN_DISTRIBUTED_FOLDER"
# How launchers tell a process which one it is.
NUMBERS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PALS_RANKID", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
# Characters of an error where its traceback is shown too.
_LONGEST = 120
# A number of a descriptor above those that MPI starts with, and below what every system allows.
_HIGH = 200
# Whose frames come before the script's own in a traceback.
_AROUND = (__file__, os.path.join("mpi4py", "run.py"), "<frozen runpy>", "runpy.py")


class Report(NamedTuple):
    """The reason why a rank has ended the job, or a rank's knowledge of it.

    Attributes:
        words: the text after "rank 1": "raised ValueError: bad".
        details: the traceback, or nothing.
        code: the exit status that this asks for, or 0 from a rank that only passes on what another has said.
        about: the number of the rank that has failed.
        when: seconds since the epoch.
        second: whether another rank's end may have led to this.
    """

    words: str
    details: str = ""
    code: int = 1
    about: int = -1
    when: float = 0.0
    second: bool = False


def number(environment: Mapping[str, str]) -> int:
    """Return which rank a process is, by what its launcher has told it, or -1.

    Example:
        >>> number({"PMI_RANK": "3"}), number({})
        (3, -1)
    """
    return next((int(environment[name]) for name in NUMBERS if environment.get(name, "").isdigit()), -1)


def write_report(report: Report) -> bool:
    """Leave a report where the launcher looks; return False where there is no launcher of ours."""
    rank = number(os.environ)
    if not (place := os.environ.get(FOLDER)) or rank < 0 or not os.path.isdir(place):
        return False
    path = Path(place, f"report-{rank}")
    if not path.exists():  # the first is the reason
        about = rank if report.about < 0 else report.about
        new = path.with_name(f"new-{path.name}")  # no name that the launcher looks for
        new.write_text(json.dumps(report._replace(when=time.time(), about=about)))
        new.replace(path)
    return True


def lead() -> None:
    """Tell the launcher that this process is rank 0 now, whose output is the one to show."""
    place = Path(os.environ.get(FOLDER, ""))
    if place.is_absolute() and place.is_dir():
        (place / "first").write_text(str(number(os.environ)))


def report_of(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Report:
    """Return the report of an exception that nothing has caught, without the frames around the script."""
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename.endswith(_AROUND):
        trace = trace.tb_next
    details = "".join(traceback.format_exception(kind, error, trace))
    last = traceback.format_exception_only(kind, error)[-1].strip()
    last = last if len(last) <= _LONGEST else f"{last[:_LONGEST]}…"
    if kind is KeyboardInterrupt:
        return Report("was interrupted", details, 128 + signal.SIGINT, second=True)
    # An MPI that returns errors raises them where a call meets the end of another rank.
    return Report(f"raised {last}", details, second=kind.__module__.startswith("mpi4py"))


def abort(code: int) -> None:
    """End all ranks, wherever they are."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.path.isdir(os.environ.get(FOLDER, "")):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what MPI says of it, the launcher says better
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized():
        mpi.COMM_WORLD.Abort(code)
    os._exit(code)


def _redirect(folder: Path, rank: int) -> None:
    """Send what this process prints to the launcher, which knows by the pipe whose it is."""
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        stream.flush()
        # Without a reader this raises rather than waits; and a terminal must not become this session's own.
        pipe = os.open(folder / f"{name}-{rank}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        os.set_blocking(pipe, True)
        os.dup2(pipe, stream.fileno())
        os.close(pipe)
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _end_with(folder: Path) -> None:
    """End this process when the launcher has gone, whatever has ended it: its end of this pipe closes."""
    pipe = os.open(folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(pipe, True)

    def wait() -> None:
        os.read(pipe, 1)
        try:
            gone = folder.rename(folder.with_suffix(".gone"))  # one rank succeeds
            shutil.rmtree(gone, ignore_errors=True)
        except OSError:
            time.sleep(1)  # the end of the first rank ends all
        os._exit(1)

    threading.Thread(target=wait, name="nn.distributed: launcher", daemon=True).start()


def _hold_life(folder: Path, rank: int) -> None:
    """Hold a pipe whose end tells the launcher when this process has ended; its children do not hold it.

    Linux closes the descriptors of a process from the highest to the lowest, and this one is above that of MPI: so the
    launcher hears of this end before MPI does, and before MPI ends the other ranks.
    """
    if (path := folder / f"life-{rank}").exists():
        import fcntl

        pipe = os.open(path, os.O_WRONLY)
        high = fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        os.close(pipe)
        os.register_at_fork(after_in_child=lambda: os.close(high))


def _note_exits(folder: Path, rank: int) -> None:
    """Let `os._exit`, after which nothing of Python runs, be known to the launcher."""
    process, leave = os.getpid(), os._exit

    def leave_with_note(status: int) -> NoReturn:
        if os.getpid() == process and folder.is_dir():
            (folder / f"left-{rank}").touch()
            if status:
                write_report(Report(f"ended with status {status} (os._exit)", code=status))
        leave(status)

    os._exit = leave_with_note


def _terminate(*_: Any) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _note_end(folder: Path, rank: int) -> None:
    """Tell the launcher that the script has come to its end."""
    if rank >= 0 and os.environ.get(FOLDER) and folder.is_dir():
        (folder / f"finished-{rank}").touch()


def main() -> None:
    """Run the script that the command line names, as `python -m mpi4py` does."""
    sys.path[0] = os.getcwd()  # as for -m; for a file it becomes the file's folder
    folder, rank = Path(os.environ.get(FOLDER, "")), number(os.environ)
    if rank >= 0 and (folder / f"out-{rank}").exists():
        _hold_life(folder, rank)
        _redirect(folder, rank)
        _end_with(folder)
        (folder / f"pid-{rank}").write_text(str(os.getpid()))
        _note_exits(folder, rank)
        # Kept open, as the handler of a signal writes to it.
        faulthandler.enable(open(folder / f"fatal-{rank}", "w"), all_threads=False)  # noqa: SIM115
    signal.signal(signal.SIGTERM, _terminate)
    from mpi4py.run import run_command_line

    process = os.getpid()
    try:
        run_command_line(sys.argv[1:])
        _note_end(folder, rank)
    except SystemExit as error:
        if not error.code and os.getpid() == process:
            _note_end(folder, rank)
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if code and os.getpid() == process:  # and not a child of it, which must not speak MPI
            text = "" if error.code is None or isinstance(error.code, int) else f"{error.code}\n"
            words = "was told to end" if code == 128 + signal.SIGTERM else f"ended with status {code} (sys.exit)"
            if not write_report(Report(words, text, code, second=code == 128 + signal.SIGTERM)):
                sys.stderr.write(text)
            abort(code)
        raise
    except BaseException as error:
        if os.getpid() != process:
            raise
        report = report_of(type(error), error, error.__traceback__)
        if not write_report(report):
            sys.stderr.write(report.details)
        abort(report.code)


if __name__ == "__main__":
    main()
