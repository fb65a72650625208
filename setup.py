"""The one part of the build that is not data: an optional extension in C, without which all works, and slower."""

from __future__ import annotations

import os
import sys
import tempfile
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

FLAGS = "-std=gnu11 -O2 -ftree-vectorize -g0 -fno-math-errno -fno-trapping-math -ffp-contract=off -fvisibility=hidden"
# What an earlier build left in build/ would get into the next wheel, files that were deleted since included.
BUILD = tempfile.TemporaryDirectory()


def extensions() -> list[Extension]:
    """Return what is to be built: nothing without NumPy, threads, or a compiler of GNU's C, as on Windows.

    With AUTOGRAD_LITE_NATIVE=off nothing is: the wheel is one for all machines, and for browsers.
    """
    if os.environ.get("AUTOGRAD_LITE_NATIVE") == "off":
        return []
    try:
        import numpy as np
    except ImportError:  # pip's --no-build-isolation without it
        return []
    library = Extension(
        "autograd_lite.native.library",
        sorted(glob("autograd_lite/native/c/*.c")),
        include_dirs=[np.get_include()],
        depends=glob("autograd_lite/native/c/**/*.h", recursive=True),
        extra_compile_args=FLAGS.split(),
        extra_link_args=["-pthread"],
        libraries=["m"],
        optional=True,
    )
    return [library] if os.name == "posix" and sys.platform not in ("emscripten", "wasi") else []


class OptionalBuild(build_ext):
    """Builds the extension if it can. No failure ends the installation, and none leaves an older library in place."""

    def run(self) -> None:
        if self.inplace or self.editable_mode:
            for older in glob("autograd_lite/native/library*" + self.get_ext_filename("")):
                os.remove(older)
        try:
            super().run()
        except Exception as error:  # optional=True covers the errors that setuptools foresees
            print(f"autograd_lite: no native kernels: {type(error).__name__}: {error}", file=sys.stderr)


class OnePackage(build_py):
    """Puts `nn`, a folder of its own in the sources, into the package as `autograd_lite.nn`, with an alias beside."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        short, inside = (os.path.join(self.build_lib, *path) for path in (["nn"], ["autograd_lite", "nn"]))
        os.remove(f"{inside}.py")  # which finds the folder in the sources
        os.replace(short, inside)
        os.mkdir(short)
        with open(os.path.join(short, "__init__.py"), "w", encoding="utf-8") as file:
            file.write('"""Another name of `autograd_lite.nn`."""\n\nfrom autograd_lite.extend import alias\n\n')
            file.write('alias(__name__, "autograd_lite.nn")\n')


setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": OptionalBuild, "build_py": OnePackage},
    options={"build": {"build_base": BUILD.name}},
)
