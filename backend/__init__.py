"""A Label Studio ML backend: document pages in, pre-annotated boxes out, better with each saved page."""

__version__ = "0.1.0"
