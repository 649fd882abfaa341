"""What an explorer's text holds: elements, numbers, the label, the posterior of its code."""

import json
from html.parser import HTMLParser

import gridbayes as gb

__all__ = ["Elements", "label_of", "numbers_in", "run"]


class Elements(HTMLParser):
    """All elements of a text, as (name, attributes), and the text outside of scripts and styles."""

    def __init__(self, text: str):
        super().__init__()
        self.found, self.texts, self._inside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._inside):
            self.texts.append(data)

    def of(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.found if tag == name]


def numbers_in(text: str) -> dict[str, list[float]]:
    """The estimates that a picture states: mean, sd and interval by label."""
    (stated,) = [each["data-numbers"] for _, each in Elements(text).found if "data-numbers" in each]
    return json.loads(stated)


def label_of(text: str) -> str:
    (label,) = [each["aria-label"] for _, each in Elements(text).found if each.get("role") == "img"]
    return label


def run(code: str) -> gb.Posterior:
    names: dict = {}
    exec(code, names)
    return names["post"]
