"""What is wrong between Redis, OCR, weights, disk and Label Studio, and what to do about it.

Takes the settings, gives findings one after the other; every look is bounded in time. With `fix` it makes or repairs
the webhook in Label Studio, and changes nothing else. May import `jobs`, `label_studio`, `ocr`, `pages`, `pipelines`
(`connection` only), `model` (`base_models` only), `versions` and `settings`; no torch, nothing of the training side.
"""
