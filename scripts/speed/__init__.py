"""How fast the backend is: the parts of `python -m scripts.bench_speed`.

Each part is a module with `measure(options) -> list[Figure]`; `figures` holds what a part is asked and answers. See
docs/SPEED.md.
"""
