"""Run the command line: ``python -m xarray_safe.cli``."""

from xarray_safe.cli import main

main()
