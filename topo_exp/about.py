"""The name and the version of the package, for every part that prints or records them."""

VERSION = "0.1.0"
PROGRAM = "python -m topo_exp"
"""How the program is called, in usage lines and recorded commands."""
