"""README's Python blocks run as they stand, and print what they say they print."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
FOUND = list(re.finditer(r"```python\n(.*?)```", TEXT, re.DOTALL))
# at their own lines, where Python finds the text of a function that a block defines
BLOCKS = ["\n" * TEXT[: found.start(1)].count("\n") + found[1] for found in FOUND]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs_and_prints_its_comments(block, capsys):
    exec(compile(block, str(README), "exec"), {})
    printed = capsys.readouterr().out
    for claim in re.findall(r"^# (.*)$", block, re.MULTILINE):
        assert claim in printed


def test_summary_in_readme_is_what_the_first_block_prints(capsys):
    exec(compile(BLOCKS[0], str(README), "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    shown = re.search(r"```\n(partial pooling of 8 groups.*?)```", TEXT, re.DOTALL)
    assert shown is not None
    for line in shown[1].splitlines():
        # the errors are at the level of rounding: their digits may differ between machines
        kept = re.sub(r"\s+\S+e-1\d.*$", "", line)
        assert kept == "..." or any(kept in other for other in printed)
