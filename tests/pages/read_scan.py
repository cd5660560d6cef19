"""Read one image file as the product does, and print what was found and how much memory it took.

python -m tests.pages.read_scan FILE FOLDER      the folder is for the OCR cache
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from backend.ocr.auto import make_engine
from backend.ocr.cache import OcrCache
from backend.pipelines.reading import PageReader
from tests.pages.processes import decoders_here, memory_of


def main(file: Path, folder: Path) -> None:
    engine = make_engine("auto", languages="eng", page_segmentation="auto", timeout_s=60)
    reader = PageReader(engine, OcrCache(folder), 100_000_000)
    engine.read(Image.new("RGB", (500, 500), "white"))  # by both engines, so that their models are in memory
    before = memory_of("self", "VmHWM")
    page = reader.read_bytes(file.read_bytes(), picture=True)
    [decoder] = decoders_here()
    report = {
        "size": page.size,
        "words": [word.text for word in page.words],
        "reader_bytes": memory_of("self", "VmHWM") - before,
        "decoder_bytes": memory_of(decoder, "VmHWM"),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
