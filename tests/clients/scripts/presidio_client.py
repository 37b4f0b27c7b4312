"""presidio-analyzer: its engine with the recognizer of docs/recipes."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "docs" / "recipes"))
from presidio_recognizer import make_analyzer

analyzer = make_analyzer(sys.argv[1], "names")
texts = ["angela merkel visited paris", "👩‍👩‍👧 john smith met angela"]
found = [analyzer.analyze(text, language="en") for text in texts]
persons = analyzer.analyze(texts[0], language="en", entities=["PERSON"])
rows = [[[one.entity_type, one.start, one.end, one.score] for one in text] for text in found]
print(  # noqa: T201
    json.dumps({"found": rows, "persons": [one.entity_type for one in persons]})
)
