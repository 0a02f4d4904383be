"""`qfp new`: from the file of a device to a network of its own, in stages that a killed run skips
once they are whole."""

import json
import time

from qfp.commands.dataset import check_workers
from qfp.commands.settings import add_changes, config_of
from qfp.files import output_folder, sole, text_of
from qfp.tools import SettingsError, as_dict, write_json

HELP = "a network for a wire of your own: dataset, training, weights, scores, pages"
STATE = "new.json"  # settings, and what the stages took, in the folder
MINUTES, WIRES = 30.0, 100
ABOUT = {
    "device": "checks the wire, and says what follows from it",
    "dataset": "exact curves and images of its configurations, what the network learns from",
    "training": "the network learns to draw images from curves",
    "weights": "the averaged weights, for `qfp decode --weights`",
    "scores": "wires that the network never saw, beside exact inference",
    "live": "a page in which the wire is solved and decoded while its antidots are dragged",
    "page": "all of this to look at",
}


def add(sub):
    """Its arguments."""
    sub.add_argument("device", metavar="FILE.yaml", help="of the wire: see `qfp device FILE.yaml`")
    sub.add_argument("--out", required=True, metavar="DIR", help="goes on with what is there")
    more = f"of training (default {MINUTES:g}); the rest takes about ten on two cores"
    sub.add_argument("--minutes", type=float, default=MINUTES, metavar="M", help=more)
    scored = f"never seen, on which the network is judged (default {WIRES})"
    sub.add_argument("--wires", type=int, default=WIRES, metavar="N", help=scored)
    sub.add_argument("--preset", default="kettle", help="network and training (default kettle)")
    sub.add_argument("--workers", type=int, help="processes of the dataset (default: one a core)")
    add_changes(sub)


def settings_of(arguments):
    """Config of the arguments. SettingsError where they make no road."""
    if not 0 < arguments.minutes < float("inf"):
        raise SettingsError(f"--minutes {arguments.minutes:g}: must be above 0")
    check_workers(arguments.workers)
    if arguments.wires < 1:
        raise SettingsError(f"--wires {arguments.wires}: must be 1 or more")
    own = f"training.minutes={arguments.minutes}", "training.max_steps=0"
    return config_of({**vars(arguments), "set": [*own, *(arguments.set or ())]})


def check(arguments, config, found):
    """SettingsError where no network can be made for a device: one that reads pairs, learns from
    some and is judged on others."""
    from qfp.data import dataset
    from qfp.training import refusals

    if found is not None and 2 not in found.antidots:
        raise SettingsError(
            f"{arguments.device}: {', '.join(map(str, found.antidots))} antidots: this network "
            "reads two; `qfp decode --device` answers such curves by the exact solver, at once; "
            "`qfp train --preset antidots --device` makes a network of any number"
        )
    if config.dataset.antidots != (2,) or config.training.curve_target == "occupancy":
        raise SettingsError(
            f"--preset {arguments.preset}: its network reads any number of antidots, and this one "
            "is judged on two: take kettle or another that reads pairs, or make it with `qfp train`"
        )
    refusals.check_plan(config.training, None)
    refusals.check_room(config)
    dataset.choose(config)
    if not len(dataset.split_of(config)["test"]):
        raise SettingsError(
            f"{arguments.device}: {config.dataset.configurations} configurations leave none to "
            "judge a network on: `qfp decode --device` answers by the exact solver, at once"
        )


class Road:
    """A folder and the stages that are whole in it."""

    def __init__(self, out, config, found, wires):
        self.out, self.config, self.found, self.wires = out, config, found, wires
        own = {"laboratory": None if found is None else as_dict(found), "wires": wires}
        settings = json.loads(json.dumps(as_dict(config) | own))
        self.state = {"settings": settings, "stages": {}}
        if (out / STATE).is_file():
            self.state = self.begun()
            self.refuse_other(settings)
        elif out.is_dir() and any(out.iterdir()):
            raise SettingsError(
                f"--out {out} holds something else: choose another name or remove it"
            )

    def begun(self):
        """The state that the folder holds. SettingsError where it is none."""
        try:
            state = self.read(STATE)
            if isinstance(state["settings"], dict) and isinstance(state["stages"], dict):
                return state
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        raise SettingsError(
            f"--out {self.out}: {STATE} is damaged: remove the folder, or choose another"
        )

    def refuse_other(self, settings):
        """SettingsError where the folder was begun with other settings: it names the first."""
        before, now = flat(self.state["settings"]), flat(settings)
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                raise SettingsError(
                    f"--out {self.out} was begun with other settings ({name}: {before.get(name)}, "
                    f"now {now.get(name)}): choose another name or remove it"
                )

    @property
    def name(self):
        """Of the weights in the folder, without suffix."""
        return self.out / "weights"

    def read(self, file):
        """Values of a JSON file of the folder."""
        return json.loads((self.out / file).read_text())

    @property
    def seconds(self):
        """{stage: seconds that it took, in all runs}."""
        return {name: stage["seconds"] for name, stage in self.state["stages"].items()}

    def stage(self, name, file, work):
        """Do a stage, or skip it where it is whole; `work()` leaves `file` behind and returns a
        line."""
        number = f"[{list(ABOUT).index(name) + 1}/{len(ABOUT)}] {name}"
        stage = self.state["stages"].get(name, {"seconds": 0.0})
        if stage.get("said") and (self.out / file).exists():
            print(f"{number}: whole already ({stage['seconds']:.0f} s): {stage['said']}")
            return
        print(f"{number}: {ABOUT[name]}", flush=True)
        start = time.monotonic()
        try:
            stage = {"seconds": stage["seconds"], "said": work()}
        finally:  # of a run that was interrupted, too
            stage["seconds"] += time.monotonic() - start
            self.state["stages"][name] = stage
            write_json(self.out / STATE, self.state)
        print(f"      {stage['said']}, {stage['seconds']:.0f} s", flush=True)


def flat(values, name=""):
    """{'section.key': value} of nested mappings."""
    if not isinstance(values, dict):
        return {name: values}
    parts = [flat(value, f"{name}.{key}".lstrip(".")) for key, value in values.items()]
    return {key: value for part in parts for key, value in part.items()}


def run(arguments):
    """Walk the road. Raises SettingsError where there is none, before the first stage."""
    from qfp.physics import device_file
    from qfp.physics.wire import Device

    config = settings_of(arguments)
    found = device_file.read(arguments.device, Device)[1]
    check(arguments, config, found)
    out = output_folder(arguments.out)
    road = Road(out, config, found, arguments.wires)
    out.mkdir(parents=True, exist_ok=True)
    with sole(out, "making a network"):
        walk(road, arguments)
    seconds = sum(road.seconds.values())
    print(f"{out}/index.html: look at it; {seconds / 60:.1f} minutes in all")
    print(f"qfp decode mine.csv --device {arguments.device} --weights {road.name}.safetensors")


def walk(road, arguments):
    """All stages of a Road, one after the other."""
    from qfp.commands import new_stages as stages

    text = text_of(arguments.device, "device file")
    road.stage("device", "device.json", lambda: stages.device(road, text))
    road.stage("dataset", "dataset.h5", lambda: stages.dataset(road, arguments.workers))
    road.stage("training", "training/log.jsonl", lambda: stages.training(road))
    road.stage("weights", "weights.json", lambda: stages.weights(road))
    road.stage("scores", "scores.json", lambda: stages.scores(road))
    road.stage("live", "live/index.html", lambda: stages.live(road))
    road.stage("page", "index.html", lambda: stages.page(road, arguments.device))
