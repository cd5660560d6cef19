"""Print the README's table of settings.

python -m scripts.settings_table
"""

from __future__ import annotations

from collections.abc import Iterator

from backend.settings import SETTINGS, Setting


def settings_table() -> str:
    """Every setting with its default and meaning, as a Markdown table."""
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else ""
        yield f"| `{setting.name}` | {default} | {_meaning(setting)} |"


def _meaning(setting: Setting) -> str:
    aliases = " or ".join(f"`{alias}`" for alias in setting.aliases)
    return f"{setting.meaning}; also read from {aliases}" if aliases else setting.meaning


if __name__ == "__main__":
    print(settings_table())
