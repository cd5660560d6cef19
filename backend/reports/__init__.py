"""What a project's owner is told: scores, learning curve and advice, confusion, human effort, doubtful annotations.

Takes judged tasks, exported tasks and a way to fit the fast learner, gives a Report, its pictures and its text. May
import `training`, `label_studio`, `versions`, `document`, `errors`. matplotlib is met only in `pictures.py`, scipy in
`forecast.py`; the web process serves what was written and never imports this room.
"""
