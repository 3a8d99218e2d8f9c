"""`python -m wrapdetect`."""

from wrapdetect.cli import main

main()
