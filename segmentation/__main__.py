"""`python -m segmentation`: the science on NIfTI files, without server or database."""

import os
import sys

from segmentation.launch import wants_fast_malloc, with_fast_malloc

RUNS_NETWORKS = ("segment", "evaluate", "calibrate", "tune-presence", "train")

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in RUNS_NETWORKS and wants_fast_malloc():
        # The C library reads its tunables before Python starts: start once more, with them.
        command_line = [sys.executable, "-m", "segmentation", *sys.argv[1:]]
        os.execve(sys.executable, command_line, with_fast_malloc(os.environ))  # noqa: S606
    from segmentation.command_line import main

    sys.exit(main())
