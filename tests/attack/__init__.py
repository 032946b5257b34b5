"""Damaged, hostile and concurrent cases against every command: see ``python -m tests.attack --help``."""

import os

# None of these threads may run when a process is forked; set before NumPy is imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
