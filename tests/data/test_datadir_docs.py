"""docs/data_dirs.md names the tables, lists and tools that there are."""

import re
from pathlib import Path

from pseudovox.core.ids import MAX_ID_BYTES
from pseudovox.data.datadir.tables import LISTS, TABLES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "data_dirs.md").read_text(encoding="utf-8")


def rows(*headings: str) -> list[list[str]]:
    """The cells of the page's table under these headings."""
    lines = PAGE.split(f"| {' | '.join(headings)} |\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_tables() -> None:
    assert rows("file", "key", "value") == [[table.name, table.key, table.value] for table in TABLES.values()]
    assert rows("file", "line") == [[name, f"`{form}`"] for name, form in LISTS.items()]
    assert f"up to {MAX_ID_BYTES} bytes" in PAGE


def test_tools() -> None:
    tools = {name for name, _ in rows("program", "makes")}
    others = {
        f"utils/{name}.py" for name in ("resolve_config", "check_step", "check_setup", "average_runs", "make_pack")
    }  # not about data dirs
    assert tools == {str(path.relative_to(ROOT)) for path in (ROOT / "utils").glob("*.py")} - others
    assert not [
        path for path in re.findall(r"\b(?:utils|local|benchmarks)/\w+\.py", PAGE) if not (ROOT / path).exists()
    ]
