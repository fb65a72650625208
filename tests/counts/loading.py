"""A program: what an import loads beyond what NumPy has loaded, as JSON; its arguments are folders, and a module.

Run as a file, and without what an environment loads, it imports nothing before the module does.
"""

import sys


def main(module: str) -> None:
    """Import a module and print the counts."""
    import numpy  # noqa: F401

    before = set(sys.modules)
    __import__(module)
    loaded = {name for name in set(sys.modules) - before if sys.modules[name].__name__ == name}  # not second names

    import json
    import marshal

    ours, nbytes = 0, 0  # of code, without the names of files
    for name in loaded:
        loader = sys.modules[name].__spec__.loader
        if name.partition(".")[0] == "autograd_lite":
            ours += 1
            code = loader.get_code(name)
            nbytes += len(marshal.dumps(code)) - len(code.co_filename) if code else 0
    print(json.dumps({"modules": ours, "others": len(loaded) - ours, "bytes": nbytes}))


if __name__ == "__main__":
    sys.path[:0] = sys.argv[1:3]
    main(sys.argv[3])
