"""Saved annotations to training runs: notes of changes on disk, the queue, the dispatcher, the worker.

The notes are the truth; Redis only carries a run from the web process to a worker and may be lost at any time.
May import `versions`, `settings`, `logs`, `errors`; the training side is met in `train_job` only, inside a run's own
process. `rq` and `redis` are met here and in `supervise`.
"""
