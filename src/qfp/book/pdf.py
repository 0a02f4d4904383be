"""The book as one file: `python -m qfp.book.pdf SINGLE.html BOOK.pdf` prints it with a browser."""

import sys
from pathlib import Path

from qfp.live.browser import launched, opened
from qfp.tools import SettingsError

PAPER = {"format": "A4", "margin": dict.fromkeys(("top", "right", "bottom", "left"), "16mm")}
FOOT = (
    "<div style='width: 100%; font-size: 8px; text-align: center'><span class='pageNumber'/></div>"
)
READY = "window.MathJax?.startup?.promise"  # formulas are typeset


def main(arguments=None):
    """Print a page of the file system; exit code 2 and one line where there is no browser."""
    source, target = map(Path, sys.argv[1:] if arguments is None else arguments)
    try:
        with launched() as chromium, opened(chromium, source) as found:
            found.page.evaluate(f"async () => {{ await {READY} }}")
            found.page.wait_for_timeout(3000)  # the live wire is solved
            numbers = {
                "display_header_footer": True,
                "header_template": " ",
                "footer_template": FOOT,
            }
            found.page.pdf(path=target, print_background=True, **PAPER, **numbers)
    except SettingsError as error:
        print(f"no PDF: {error}", file=sys.stderr)
        return 2
    print(f"{target}: {target.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
