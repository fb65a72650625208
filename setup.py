"""What of the build is not data: an optional extension in C, the second name `nn`, and addresses in the README."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import sys
import tempfile
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

FLAGS = "-std=gnu11 -O2 -ftree-vectorize -g0 -fno-math-errno -fno-trapping-math -ffp-contract=off -fvisibility=hidden"
PAGES = ("", "help", "guides", "guides/nn", "explanation", "reference")  # folders of docs/ that go into the wheel
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
        elif sys.platform == "linux":  # developers keep the names of C's functions, for profilers
            for extension in self.extensions:
                extension.extra_link_args.append("-s")
        try:
            super().run()
        except Exception as error:  # optional=True covers the errors that setuptools foresees
            print(f"autograd_lite: no native kernels: {type(error).__name__}: {error}", file=sys.stderr)


class OnePackage(build_py):
    """Puts `nn`, a folder of its own in the sources, into the package as `autograd_lite.nn`, with an alias.

    The alias is a package `nn` in a folder that is not Python's but named in a .pth file: such folders come after
    site-packages, so that a package `nn` of others, which may be there before or come later, is not overwritten, and
    is what `import nn` finds. The pages of docs/ go into the package too, for `python -m autograd_lite help`.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        library = Path(self.build_lib)
        inside, short = library / "autograd_lite" / "nn", library / "autograd_lite" / "short_name" / "nn"
        inside.with_suffix(".py").unlink()  # which finds the folder in the sources
        (library / "nn").replace(inside)
        short.mkdir(parents=True)
        (short / "__init__.py").write_text(ALIAS, encoding="utf-8")
        (library / "autograd_lite_nn.pth").write_text("autograd_lite/short_name\n", encoding="utf-8")
        for folder in PAGES:
            target = library / "autograd_lite" / "manual" / "pages" / folder
            target.mkdir(parents=True, exist_ok=True)
            for page in Path("docs", folder).glob("*.md"):
                shutil.copy(page, target)


ALIAS = """\"\"\"Another name of `autograd_lite.nn`.\"\"\"

from autograd_lite.extend import alias

alias(__name__, "autograd_lite.nn")
"""


def links_resolved(text: str, site: str, repository: str, version: str) -> str:
    """Return a page of the repository's root, in Markdown, with links that work where there is no repository.

    A link to a page of docs/ leads to the site, others to the files of the version's tag. As long as there is no
    address, what was a link is its words, and pictures are left out.
    """

    def resolved(match: re.Match[str]) -> str:
        picture, words, path, anchor = match.groups("")
        if re.match(r"[a-z]+:", path) or not path:  # an address, or a place on this page
            return match[0]
        page = re.fullmatch(r"docs/(.*)\.md", path)
        if page and site:
            return f"[{words}]({site}/{page[1]}.html{anchor})"
        if repository:
            return f"{picture}[{words}]({repository}/{'raw' if picture else 'blob'}/v{version}/{path}{anchor})"
        return "" if picture else words

    link = re.compile(r"(!?)\[([^][]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
    parts = re.split(r"(^```.*?^```|`[^`\n]*`(?!\]))", text, flags=re.M | re.S)  # code has brackets of its own
    return "".join(part if part.startswith("`") else link.sub(resolved, part) for part in parts)


def addresses(site: str, repository: str) -> dict[str, str]:
    """Return the addresses for the metadata, by labels that indexes know."""
    labels = {"Documentation": site} if site else {}
    if repository:
        labels |= {"Source": repository, "Issues": f"{repository}/issues"}
        labels |= {"Changelog": f"{repository}/blob/main/CHANGELOG.md"}
    return labels


def described() -> dict[str, object]:
    """Return the arguments of `setup` that depend on the addresses."""
    places = runpy.run_path("autograd_lite/core/addresses.py")
    site, repository = places["SITE"], places["REPOSITORY"]
    version = runpy.run_path("autograd_lite/core/__init__.py")["VERSION"]
    readme = Path("README.md").read_text(encoding="utf-8")
    return {
        "long_description": links_resolved(readme, site, repository, version),
        "long_description_content_type": "text/markdown",
        "project_urls": addresses(site, repository),
    }


if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": OptionalBuild, "build_py": OnePackage},
        options={"build": {"build_base": BUILD.name}},
        **described(),
    )
