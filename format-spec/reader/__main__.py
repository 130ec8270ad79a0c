"""`python3 -m reader` or `python3 format-spec/reader`: see README.md beside this file."""

import os
import sys

if not __package__:
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from reader.command import main  # noqa: E402  (the path above comes first)

sys.exit(main(sys.argv[1:]))
