"""The nouns of the product and their units.

Takes nothing, gives Box, Word, Page, LabelledBox, Region and LabelSet. May import `errors` only.
A box is in page pixels, origin top left, of the upright page. Percent lives in `label_studio`, the 0 to 1000 grid in
`encoding`.
"""
