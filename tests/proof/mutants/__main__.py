"""Changes the service by the mutants that are named, and then runs its command."""

import sys

from soapsvc import cli
from tests.proof.mutants import aids, faults

KNOWN = {name: change for module in (aids, faults) for name, change in module.CHANGES.items()}

if __name__ == "__main__":
    program, names, *arguments = sys.argv
    for name in names.split(","):
        KNOWN[name]()
    sys.argv = [program, *arguments]
    cli.main()
