"""Annotated pages to a fitted model and its figures.

Takes Pages with LabelledBoxes, gives a WordClassifier and Scores. May import `model`, `encoding`, `inference`,
`document`, `errors`. The only room that meets the Hugging Face Trainer; never imported by the web process.
"""
