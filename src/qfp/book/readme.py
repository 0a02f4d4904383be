"""The README says what the first page says: `python -m qfp.book.readme` writes it there again.

What was found stands in book/intro.md, its numbers as roles; the README, which no tool renders,
gets the same lines with the numbers that results/ holds.
"""

import re
import sys

from qfp.book.pages import quote
from qfp.tools import project_root, write_text

PART = re.compile(r"## What was found\n\n(-.*?)\n\n", re.DOTALL)


def found():
    """The list of the first page as plain Markdown, a line an entry."""
    text = PART.search((project_root() / "book" / "intro.md").read_text())[1]
    text = re.sub(r"\{result\}`([^`]*)`", lambda role: quote(role[1]), text)
    text = re.sub(r"\{bdg-\w+\}`([^`]*)`", r"*\1*:", text)
    return re.sub(r"\n +", " ", text)


def renewed(readme):
    """A README with the list as it is now."""
    return PART.sub(lambda _: f"## What was found\n\n{found()}\n\n", readme, count=1)


def main():
    """Write README.md where it says something else."""
    path = project_root() / "README.md"
    before = path.read_text()
    after = renewed(before)
    if after != before:
        write_text(path, after)
    print("README.md written" if after != before else "README.md is as it should be")


if __name__ == "__main__":
    sys.exit(main())
