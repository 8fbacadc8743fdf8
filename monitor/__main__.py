"""`python -m monitor` is `auricle`."""

from monitor.cli import main

main()
