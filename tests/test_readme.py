"""The Python blocks of README and of the pages of docs/ run as they stand, and print what they say they print."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def blocks(path: Path) -> list[str]:
    """The Python blocks of a page, at their own lines, where Python finds the text of a function that a block defines."""
    text = path.read_text(encoding="utf-8")
    found = re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
    return ["\n" * text[: block.start(1)].count("\n") + block[1] for block in found]


BLOCKS = [(path, block) for path in (README, *sorted((ROOT / "docs").glob("*.md"))) for block in blocks(path)]


@pytest.mark.parametrize(
    "path, block", BLOCKS, ids=[f"{path.stem}-{number}" for number, (path, _) in enumerate(BLOCKS)]
)
def test_block_runs_and_prints_its_comments(path, block, capsys):
    exec(compile(block, str(path), "exec"), {})
    printed = capsys.readouterr().out
    for claim in re.findall(r"^# (.*)$", block, re.MULTILINE):
        assert claim in printed


def test_summary_in_readme_is_what_the_first_block_prints(capsys):
    exec(compile(blocks(README)[0], str(README), "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    shown = re.search(r"```\n(partial pooling of 8 groups.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    for line in shown[1].splitlines():
        # the errors are at the level of rounding: their digits may differ between machines
        kept = re.sub(r"\s+\S+e-1\d.*$", "", line)
        assert kept == "..." or any(kept in other for other in printed)
