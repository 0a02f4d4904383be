"""What is lost between curve, features, image and sample, and where most of it."""

from qfp.studies import intervals, tables

STAGES = {
    "condition_path": "in the condition path",
    "entry": "between features and image",
    "sampling": "in sampling",
}
TITLES = {"within_1": "Not within one site", "within_0": "Not exact"}


def most(lost, key):
    """The stage that surely loses most of `key`: its interval is above those of the others; None
    where there is no such stage."""
    largest = max(lost, key=lambda stage: lost[stage][key])
    bounds = {stage: row[f"{key}_interval"] for stage, row in lost.items()}
    others = [high for stage, (_, high) in bounds.items() if stage != largest]
    return largest if bounds[largest][0] > max(others) else None


def sentence(lost, key, verdict):
    """What the stages lose of `key`, in a sentence."""
    parts = [f"{tables.cell(lost[s], key, '.1%')} {place}" for s, place in STAGES.items()]
    told = f"most {STAGES[verdict]}" if verdict else "too little to tell where most of it"
    return f"{TITLES[key]}: {', '.join(parts)}; {told}."


def losses(found):
    """What each of STAGES loses, what the network has learned, and a verdict.

    found: hits {'readout', 'readout_untrained', 'one_step', 'single'}, each {name: bool (B,)}."""
    lost = {
        "condition_path": {},
        "entry": intervals.differences(found["readout"], found["one_step"]),
        "sampling": intervals.differences(found["one_step"], found["single"]),
    }
    for name, hit in found["readout"].items():
        lost["condition_path"] |= intervals.share(name, ~hit)
    learned = intervals.differences(found["readout"], found["readout_untrained"])
    verdict = {key: most(lost, key) for key in TITLES}
    texts = [sentence(lost, key, verdict[key]) for key in TITLES]
    if learned["within_1_interval"][0] <= 0:
        texts.append("The features tell no more than those of an untrained network.")
    return {"lost": lost, "learned": learned, "verdict": verdict | {"text": " ".join(texts)}}
