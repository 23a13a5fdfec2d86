"""`python -m soapsvc` is the same as the `soapsvc` command."""

from soapsvc.cli import main

main()
