"""``python -m affectspace``."""

from affectspace.cli import main

main()
