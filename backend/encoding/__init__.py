"""Pages to windows of tokens, the same for training and prediction.

Takes a Page, gives Windows and padded batches as numpy arrays. May import `document` and `errors`. The 0 to 1000 grid
of the models lives here and nowhere else. No torch.
"""
