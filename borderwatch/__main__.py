"""``python -m borderwatch``: the command line; nothing else."""

from borderwatch.cli import main

main(prog_name="borderwatch")
