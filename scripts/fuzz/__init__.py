"""Requests that nobody should send, by the ten thousand, against the real service: `python -m scripts.fuzz`.

Takes the bodies that Label Studio really sends, changes each at random but repeatably, and looks at every answer: it
has a documented status and form, and says nothing of the machine.
"""
