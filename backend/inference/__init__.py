"""Probabilities of words to regions.

Takes (W, C) probabilities and a Page, gives Regions. May import `document` and `errors`. No torch.
"""
