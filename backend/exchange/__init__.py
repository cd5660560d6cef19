"""Annotated pages in the forms of other programs.

Takes pages with labelled words and their images, writes folders. May import `document` and `encoding` (the grid of 0 to
1000) and `errors`. No torch.
"""
