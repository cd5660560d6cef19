"""Base models, versions loaded from disk, and words to probabilities.

Takes Pages and version folders, gives (W, C) probabilities. May import `versions`, `encoding`, `document`, `errors`.
"""
