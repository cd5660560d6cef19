"""Prints the table of docs/DOCTOR.md: every code of the doctor, what it means and what to do."""

from __future__ import annotations

from backend.doctor.causes import CAUSES


def doctor_table() -> str:
    """The table in Markdown; names that a finding fills in stand in angle brackets."""
    lines = ["| code | means | what to do |", "|---|---|---|"]
    for code, cause in CAUSES.items():
        remedy = cause.remedy.replace("{", "<").replace("}", ">").replace("|", "\\|")
        lines.append(f"| `{code}` | {cause.meaning} | {_escaped(remedy)} |")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Angle brackets outside of code would be taken for HTML."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace(">", "&gt;") for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    print(doctor_table())
