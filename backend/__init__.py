"""A Label Studio ML backend: document pages in, pre-annotated boxes out, better with each saved page."""

import os

__version__ = "0.1.0"

# OpenMP reads it when torch is loaded. By default its threads wait for each other by spinning, which on cores that
# others use too makes every step several times slower (docs/DECISIONS.md, "How many threads does torch get?").
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
