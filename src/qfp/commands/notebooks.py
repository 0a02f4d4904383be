"""`qfp run`: execute the notebooks."""

HELP = "execute the notebooks in order through papermill"


def add(sub):
    """Its arguments."""
    sub.add_argument("--preset", default="laptop")
    sub.add_argument("--only", metavar="04,score", help="numbers or names of notebooks")
    sub.add_argument("-p", "--parameter", action="append", metavar="KEY=VALUE")
    sub.add_argument("--out", metavar="DIR", help="default runs/PRESET")


def run(arguments):
    """Execute them."""
    from qfp.book import parameters as chosen
    from qfp.book import run as runner

    parameters = chosen.parse_parameters(arguments.parameter, runner.types(arguments.only))
    runner.run(arguments.preset, arguments.only, parameters, arguments.out)
