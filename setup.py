"""The one part of the build that is not data: an optional extension in C, for which NumPy's headers are looked up."""

from __future__ import annotations

import sys
from glob import glob

import numpy as np
from setuptools import Extension, setup

FLAGS = ["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fvisibility=hidden"]

setup(
    ext_modules=[
        Extension(
            "autograd_lite.native.library",
            sorted(glob("autograd_lite/native/c/*.c")),
            include_dirs=[np.get_include()],
            depends=glob("autograd_lite/native/c/**/*.h", recursive=True),
            extra_compile_args=FLAGS,
            extra_link_args=["-pthread"],
            libraries=[] if sys.platform == "win32" else ["m"],
            optional=True,  # without it all works, and slower
        )
    ]
)
