"""The commands of `python -m backend`, in groups.

Takes settings and parsed arguments, gives an exit status. Each module has `add`, which names its commands. A command
imports what it needs when it is run and not before, so that `--help` and the supervisor do not wait for torch: the late
imports of these modules are their purpose.
"""
