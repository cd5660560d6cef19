"""What an annotator gets from the backend, and how soon: the parts of `python -m scripts.bench_learning`.

`pages` and `data_sets` give pages with their truth; `session` plays the annotator in a real Label Studio with the real
backend; `replay`, `latency` and `given_words` are the measurements; `effort` and `entities` count; `tables` and
`acceptance` print. See docs/LEARNING.md.
"""
