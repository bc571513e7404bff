"""The format of a run directory on disk, written and read here and nowhere else."""
