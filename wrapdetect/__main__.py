"""`python -m wrapdetect`."""

from wrapdetect.cli.app import main

main()
