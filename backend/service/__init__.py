"""HTTP: what Label Studio calls, within its deadlines and in its words.

Takes requests, gives JSON; `create_app` in `app.py` puts it together. May import `jobs`, `label_studio`, `versions` and
whatever those may; never torch: the prediction side arrives in the background (`loading.py`). `flask` and
`prometheus_client` are met only here.
"""
