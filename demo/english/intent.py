"""Intent: what people say to a smart home, drawn from the templates of Home Assistant's authors."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from demo.packages import COMMANDS, fetch
from offline.readers.examples import Corpus, Example, TextExample, normalise

TRAINED, HELD_OUT = 250, 40  # sentences of each intent
_EACH = 4  # every fourth template is held out: its sentences are said in no other way in training
_DATA = "home_assistant_intents/data/en.json"

# The intents of the package, merged into those of everyday speech; the others have few templates.
MERGED = {
    "HassTurnOn": "turn_on",
    "HassTurnOff": "turn_off",
    "HassLightSet": "set_light",
    "HassClimateSetTemperature": "set_temperature",
    "HassClimateGetTemperature": "get_temperature",
    "HassFanSetSpeed": "set_fan",
    "HassGetState": "get_state",
    "HassGetWeather": "get_weather",
    "HassGetCurrentTime": "get_time",
    "HassGetCurrentDate": "get_time",
    "HassStartTimer": "start_timer",
    "HassCancelTimer": "cancel_timer",
    "HassCancelAllTimers": "cancel_timer",
    "HassIncreaseTimer": "change_timer",
    "HassDecreaseTimer": "change_timer",
    "HassTimerStatus": "get_timer",
    "HassMediaSearchAndPlay": "play",
    "HassMediaNext": "next_track",
    "HassMediaPrevious": "previous_track",
    "HassSetVolume": "set_volume",
    "HassSetVolumeRelative": "set_volume",
    "HassListAddItem": "add_to_list",
    "HassShoppingListAddItem": "add_to_list",
}
# To turn on a cover or a valve is to open it; locks have too few templates to hold some out.
OF_DOMAIN = {
    ("turn_on", "cover"): "open",
    ("turn_off", "cover"): "close",
    ("turn_on", "valve"): "open",
    ("turn_off", "valve"): "close",
    ("turn_on", "lock"): "",
    ("turn_off", "lock"): "",
}
# What the package leaves to the home; by intent where a word fits no other.
_ITEMS = "milk|eggs|bread|coffee|tomatoes|batteries|dog food|apples|rice|olive oil|shampoo"
SLOTS = {
    "area": "kitchen|living room|bedroom|bathroom|office|hallway|garage|garden|dining room|attic",
    "floor": "ground|first|second|third|top",
    "name": "lamp|fan|tv|coffee machine|heater|radio|desk lamp|air conditioner|speaker|boiler",
    "search_query": "jazz|some rock music|the beatles|the news|my morning mix|abba|mozart",
    "timer_name": "pizza|laundry|tea|egg|workout|oven|pasta|nap",
    "shopping_list_item": _ITEMS,
    "todo_list_item": f"{_ITEMS}|call the dentist|water the plants|pay the rent|book the flight",
}
_NAMES = {
    "open": "curtain|blinds|garage door|gate|window|shutters|awning|water valve",
    "get_weather": "berlin|london|new york|paris|tokyo|madrid|oslo|rome",
    "get_state": "front door|lamp|washing machine|heater|garage door|tv|alarm|dishwasher",
    "add_to_list": "todo|packing|party|weekend|grocery",
}
_NAMES["close"] = _NAMES["open"]
# How people wrap what they say, and how often.
_ASKING = ("please {}", "{} please", "hey, {}")
_ORDERING = (*_ASKING, "can you {}", "could you {}", "could you please {}")
_POLITE = 0.3

# A group without another in it: of alternatives, or optional.
_GROUP = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")
_SLOT = re.compile(r"\{(\w+)(?::\w+)?\}")
_RULE = re.compile(r"<(\w+)>")


def load(cache: Path, *, held_out: bool) -> Corpus:
    """Return as many sentences of every intent, of templates that are held out or that are not."""
    path = fetch(COMMANDS, cache) / _DATA
    data = json.loads(path.read_text(encoding="utf-8"))
    return Corpus(path, tuple(sentences(data, HELD_OUT if held_out else TRAINED, held_out)))


load_train, load_held_out = partial(load, held_out=False), partial(load, held_out=True)


def sentences(data: Mapping[str, Any], count: int, held_out: bool) -> Iterator[Example]:
    """Yield different sentences of every intent, as many as there are, at most `count`."""
    for label, all_templates in sorted(_templates(data).items()):
        kept = [one for i, one in enumerate(all_templates) if (i % _EACH == _EACH - 1) == held_out]
        draw = random.Random(f"{label} {held_out}")
        slots = SLOTS | {"name": _NAMES.get(label, SLOTS["name"])}
        is_question = label.startswith("get_")
        seen: set[str] = set()
        for attempt in range(count * 10):
            text = expand(kept[attempt % len(kept)], data, slots, draw)
            if draw.random() < _POLITE:
                text = draw.choice(_ASKING if is_question else _ORDERING).format(text)
            if len(seen) < count and normalise(text) not in seen:
                seen.add(normalise(text))
                yield TextExample(text, label)


def _templates(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the templates whose slots can all be filled, by label, in the package's order."""
    known = data["lists"].keys() - {
        name for name, one in data["lists"].items() if "wildcard" in one
    }
    found: dict[str, list[str]] = {}
    for intent, merged in MERGED.items():
        for block in data["intents"].get(intent, {"data": []})["data"]:
            label = OF_DOMAIN.get((merged, _domain(block)), merged)
            for template in block["sentences"]:
                if label and set(_SLOT.findall(template)) <= known | SLOTS.keys():
                    found.setdefault(label, []).append(template)
    return found


def _domain(block: Mapping[str, Any]) -> str:
    needed = block.get("slots", {}).get("domain") or block.get("requires_context", {}).get("domain")
    return needed if isinstance(needed, str) else (needed or [""])[0]


def expand(
    template: str, data: Mapping[str, Any], slots: Mapping[str, str], draw: random.Random
) -> str:
    """Return one sentence of a template, drawn from its alternatives, rules and slots.

    `(a|b)` is one of them, `[a]` perhaps a, `(a;b)` both in any order, `<rule>` and `{slot}` what
    the data or the home has.
    """
    text = template
    while found := _RULE.search(text) or _SLOT.search(text):
        is_rule = text[found.start()] == "<"
        filling = (
            data["expansion_rules"][found[1]] if is_rule else _fill(found[1], data, slots, draw)
        )
        text = f"{text[: found.start()]}({filling}){text[found.end() :]}"
    while found := _GROUP.search(text):
        inner = found[2] if found[1] is None else f"{found[1]}|"
        chosen = draw.choice(inner.split("|")).split(";")
        draw.shuffle(chosen)
        text = text[: found.start()] + " ".join(chosen) + text[found.end() :]
    return " ".join(text.split())


def _fill(name: str, data: Mapping[str, Any], slots: Mapping[str, str], draw: random.Random) -> str:
    """Return what may stand in a slot, as alternatives."""
    if name in slots:
        return slots[name]
    if "range" in (values := data["lists"][name]):
        return str(draw.randint(values["range"]["from"], values["range"]["to"]))
    return "|".join(one if isinstance(one, str) else one["in"] for one in values["values"])
