"""`qfp decode`: from curves to antidots."""

HELP = "decode magnetoconductance curves into LDOS and antidots"


def add(sub):
    """Its arguments."""
    sub.add_argument(
        "curves",
        nargs="+",
        metavar="CURVE.csv",
        help="columns field [rad/plaquette], conductance [e^2/h] and, "
        "where known, noise, its standard deviation",
    )
    sub.add_argument(
        "--lattice-nm",
        type=float,
        metavar="A",
        help="the field is in tesla; A is the lattice constant in nm",
    )
    sub.add_argument("--siemens", action="store_true", help="conductance and noise are in siemens")
    sub.add_argument(
        "--out", metavar="DIR", help="write a report of one page and all samples there"
    )
    sub.add_argument("--samples", type=int, help="images per curve")
    sub.add_argument("--steps", type=int, help="sampling steps")
    sub.add_argument(
        "--weights",
        default="laptop",
        help="name in models/, or a .safetensors file (default laptop)",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments):
    """Decode, and print the answers."""
    from qfp.decoding.answer import run_decode

    run_decode(
        arguments.curves,
        out=arguments.out,
        as_json=arguments.json,
        weights=arguments.weights,
        samples=arguments.samples,
        steps=arguments.steps,
        lattice_nm=arguments.lattice_nm,
        siemens=arguments.siemens,
    )
