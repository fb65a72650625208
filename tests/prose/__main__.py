"""Check the English of pages, docstrings and messages: `python -m tests.prose [FILE ...]`."""

import sys

from .checking import main

sys.exit(main())
