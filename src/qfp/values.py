"""Values that a user writes, in a YAML file, after --set or after -p: one parser for all of them,
and the ranges of settings.

YAML 1.2 says what a number is (1e-4 is one; 0123 is no octal one, 2020-01-01 no date). Tags,
anchors, keys that stand twice and nesting without end are refused: no setting has them.
"""

import dataclasses
import math
import os
import re
from pathlib import Path

import yaml

from qfp.tools import SettingsError, size

DEPTH = 20  # of nested lists and mappings
SEEDS = 2**63 - 1  # the largest that every generator takes
PLAIN = {  # what a word without quotes is, where it is no text
    "null": re.compile(r"(?:~|null|Null|NULL|)", re.ASCII),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)", re.ASCII),
    "int": re.compile(r"[-+]?\d+|0x[0-9a-fA-F]+|0o[0-7]+", re.ASCII),
    "float": re.compile(
        r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        re.ASCII,
    ),
}
WORDS = {int: "a whole number", float: "a number", str: "text", dict: "a mapping"}


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values, in lists and mappings, and nothing else."""

    yaml_implicit_resolvers = {}
    depth = 0

    def fail(self, problem, event):
        """Refuse what begins at an event or node."""
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)

    def compose_node(self, parent, index):
        """A node without tag or anchor, not too deep."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self.fail("anchors (&) and aliases (*) are not taken", event)
        if getattr(event, "tag", None):
            self.fail(
                f"tags such as {event.tag.replace('tag:yaml.org,2002:', '!!')} are no values", event
            )
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"more than {DEPTH} brackets in each other", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node, deep=False):
        """A mapping of names, each once."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail("a key must be a name", key)
            if key.value in seen:
                self.fail(f"key {key.value!r} stands there twice", key)
            seen.add(key.value)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def number(self, node):
        """A whole number, of as many digits as Python reads."""
        text = node.value
        try:
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        except ValueError:
            return self.fail(f"a number of {len(text)} digits is none", node)

    def real(self, node):
        """A number with a point or an exponent; too large a one is infinite."""
        return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


for _kind, _pattern in PLAIN.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern.pattern})$"), None
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.real)


def parsed(text, where):
    """The value that a YAML text says.

    Parameters
    ----------
    text : str
    where : str
        What a refusal begins with.

    Returns
    -------
    None, bool, int, float, str, or lists and mappings {str: value} of them

    Raises
    ------
    SettingsError
        Where the text is no YAML, or says something else than that.
    """
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark and "\n" in text.strip() else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"{where}{place}: not valid YAML ({problem})") from None


def as_typed(text, where, kind=None):
    """The value of KEY=VALUE on the command line. kind: the type of KEY, where it is known: text
    stays what was typed."""
    if kind is str and text != "null":
        return text
    return parsed(text, where)


def within(low, high, of=None, default=dataclasses.MISSING, halves=False):
    """A field of a settings dataclass whose value, or each of whose values of type `of`, lies
    between two numbers, both included. default: where a file may leave it out. halves: a whole
    number may be one and a half."""
    rule = {"low": low, "high": high, "of": of, "halves": halves}
    if default is not dataclasses.MISSING:
        rule["default"] = default
    return dataclasses.field(default=default, metadata=rule)


def each(of):
    """A field whose value is a list of values of type `of`."""
    return dataclasses.field(metadata={"of": of})


def one_of(*names, of=None):
    """A field whose value, or each of whose values of type `of`, is one of some names."""
    return dataclasses.field(metadata={"names": names, "of": of})


def fitted(field, value, where):
    """`value` as a field of a settings dataclass has it: a whole number becomes a float where that
    is wanted, a list a tuple. SettingsError where type or range do not fit."""
    kind, rule = field.type, field.metadata
    if kind is tuple:
        if not isinstance(value, list | tuple):
            raise SettingsError(f"{where}: {field.name} must be tuple, a list; got {told(value)}")
        of = rule.get("of")
        return tuple(
            _one(of, rule, v, f"{where}: each of {field.name}") if of else v for v in value
        )
    return _one(kind, rule, value, f"{where}: {field.name}")


def _one(kind, rule, value, what):
    """A single value of a type and a range."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 1e300 else math.inf
    if rule.get("halves") and isinstance(value, float) and (2 * value).is_integer():
        value, kind = (int(value), int) if value.is_integer() else (value, float)
    names, low, high = rule.get("names"), rule.get("low", -math.inf), rule.get("high", math.inf)
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if fits and names:
        fits = value in names
    elif fits and kind in (int, float):
        fits = low <= value <= high and math.isfinite(value)
    if fits:
        return value
    wanted = f"{kind.__name__} ({WORDS[kind]})" if kind in WORDS else kind.__name__
    if names:
        wanted = " or ".join(", ".join(map(repr, names)).rsplit(", ", 1))
    elif "low" in rule:
        wanted += " or a half of one" * rule["halves"]
        wanted += f", {low} to {high}" if kind is int else f", {low:g} to {high:g}"
    raise SettingsError(f"{what} must be {wanted}; got {told(value)}")


def halves(number):
    """The nearest multiple of a half, an int where it is whole."""
    twice = round(2 * number)
    return twice / 2 if twice % 2 else twice // 2


def told(value):
    """A value in a few words."""
    text = (
        repr(value) if not isinstance(value, int) or abs(value) < 10**40 else "a number beyond 1e40"
    )
    return text if len(text) <= 60 else f"{text[:57]}..."


def memory():
    """Bytes of memory that this process may have: of the machine, or of what limits us in it."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found.append(int(Path(limit).read_text()))
        except (OSError, ValueError):  # none such, or 'max'
            continue
    return min(found)


def check_memory(needed, what):
    """SettingsError where so many bytes are more than this machine has; what: a setting and its
    value."""
    if needed > memory():
        raise SettingsError(
            f"{what} needs about {size(needed)} of memory, this machine has {size(memory())}"
        )
