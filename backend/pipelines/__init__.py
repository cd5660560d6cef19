"""The two stories: `predict` (request to boxes) and `train` (saved annotations to a better model).

May import every room below; `predict` does not import `train` nor `training`.
"""
