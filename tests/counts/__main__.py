"""`python -m tests.counts [--write] [--quick]`: print the counts beside the table, or write them into it.

`--quick` leaves out the instructions, which take a quarter of a minute; so does a machine without valgrind.
"""

from __future__ import annotations

import argparse

from . import table


def main() -> None:
    """Take the counts, and print or write them."""
    parser = argparse.ArgumentParser(prog="python -m tests.counts")
    parser.add_argument("--write", action="store_true", help="write them into the table")
    parser.add_argument("--quick", action="store_true", help="without the instructions")
    options = parser.parse_args()
    takers = [take for take in table.TAKERS if not (options.quick and take is table.instructions)]
    if (why := table.why_no_instructions()) and table.instructions in takers:
        takers.remove(table.instructions)
        print(f"no instructions: {why}")
    found = {name: rows for take in takers for name, rows in take().items()}
    committed = table.read()
    if options.write:
        table.write(found)
        changed = [d for d in table.differences(found, committed) if d.table is not None]
        print("\n".join(map(str, changed)) or "nothing has changed")
        return
    for name, rows in found.items():
        print(f"\n{name}")
        for what, counts in rows.items():
            there = committed.get(name, {}).get(what, {})
            print(f"  {what:36}", ", ".join(f"{kind} {n:,} ({there.get(kind, 0):,})" for kind, n in counts.items()))
    print("\n" + (table.complaint(found, committed) or "as in the table"))


main()
