"""An upright image to its words in reading order.

Takes an RGB image, gives a `Page` whose words carry their line segment; keeps what was read by content. May import
`document` and `errors`. The OCR library is met in `tesseract` only.
"""
