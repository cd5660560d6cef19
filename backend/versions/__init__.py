"""The files of a project in `DATA_DIR`: its record, its model versions, which of them is served.

Takes folders and facts, gives verified version folders and their numbers. May import `document` and `errors`; no torch.
Every file is written aside and renamed, so that a kill at any moment leaves the old content or the new one.
"""
