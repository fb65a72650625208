"""Which kernels are in use is what was asked for, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from autograd_lite.native import kernels


def test_native_kernels_are_built_where_they_can_be() -> None:
    """Tests that need them are skipped without them, so a failed build must be seen here."""
    if not shutil.which("cc") or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C compiler, or no headers of Python")
    assert kernels.SETS, kernels.REASON


@pytest.mark.parametrize(
    ("wanted", "sets", "taken"),
    [
        ("", ("avx2", "baseline"), "avx2"),
        ("", (), ""),
        ("off", ("avx2", "baseline"), ""),
        ("off", (), ""),
        ("baseline", ("avx2", "baseline"), "baseline"),
        ("avx512", ("avx2", "baseline"), r"expected off, or .* has \(avx2, baseline\), received 'avx512'; unset it"),
        ("AVX2", ("avx2", "baseline"), r"received 'AVX2'"),
        ("avx2", (), "expected off, since native kernels are not built, received 'avx2'"),
    ],
)
def test_what_is_asked_for_is_taken_or_refused(
    monkeypatch: pytest.MonkeyPatch, wanted: str, sets: tuple[str, ...], taken: str
) -> None:
    monkeypatch.setattr(kernels, "SETS", sets)
    monkeypatch.setattr(kernels, "REASON", "not built")
    if "received" in taken:
        with pytest.raises(ValueError, match=f"^AUTOGRAD_LITE_NATIVE: .*{taken}"):
            kernels.choose_instructions(wanted)
    else:
        assert kernels.choose_instructions(wanted) == taken


def test_the_variable_decides_for_a_process() -> None:
    says = "from autograd_lite.native import kernels as k; print(k.INSTRUCTIONS, len(k.KERNELS) > 0, k.REASON)"
    for wanted in kernels.SETS:
        assert run(says, wanted).stdout == f"{wanted} True \n"
    reason = "switched off by AUTOGRAD_LITE_NATIVE" if kernels.SETS else kernels.REASON
    assert run(says, "off").stdout == f" False {reason}\n"
    refused = run(says, "sse9")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("ValueError: AUTOGRAD_LITE_NATIVE: expected off, ")


SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [
        ("", b"", "not built"),
        (SUFFIX, b"", "built, but not usable here: "),
        (SUFFIX, b"x" * 64, "built, but not usable here: "),
        (".py", b"instruction_sets = ufuncs = None", "built from other sources"),
        (".py", b"INTERFACE = 0", "built from other sources"),
    ],
)
def test_a_missing_or_spoilt_library_leaves_all_to_numpy(
    tmp_path: Path, suffix: str, content: bytes, reason: str
) -> None:
    """As without a compiler, beside a library for another machine, or beside one from before the sources changed."""
    names = ("__init__.py", "kernels.py")
    (tmp_path / "autograd_lite" / "native").mkdir(parents=True)
    (tmp_path / "autograd_lite" / "__init__.py").touch()
    for name in names:
        shutil.copy(Path(kernels.__file__).parent / name, tmp_path / "autograd_lite" / "native")
    (tmp_path / "autograd_lite" / "native" / f"library{suffix}").write_bytes(content)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom autograd_lite.native import kernels as k\n"
    said = run(f"{program}print(k.library, k.INSTRUCTIONS, dict(k.KERNELS), k.REASON)", "")
    assert said.stdout.startswith(f"None  {{}} {reason}"), said.stderr


def run(program: str, native: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the variable set."""
    environment = {**os.environ, "AUTOGRAD_LITE_NATIVE": native}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
