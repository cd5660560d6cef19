"""The demonstration: a real Label Studio with drawn forms, some annotated, and the backend that has learnt from them.

`python -m scripts.demo` (`make demo`) starts everything on this machine. `python -m scripts.demo.fill` only fills and
connects a Label Studio that runs already: the compose profile `demo` does that in a container.
"""
