"""`make run`: Redis, worker and web server as children of one process that ends them with itself.

Takes settings, gives an exit status. May import `jobs` (connection to Redis, ties between processes), `versions`
(locks), `settings` and `errors`; never the prediction or training side.
"""
