"""From an address to an upright RGB page.

Takes an absolute address, gives its bytes (`fetch`) and from bytes a `PIL.Image.Image` (`decode`). Holds the limits on
both and the rules about which addresses may be contacted. May import `document` and `errors`; knows of Label Studio
only that one origin is trusted and gets a header.
"""
