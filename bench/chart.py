"""Draws the races as a chart: a bar for each racer, in SVG with a ground of its own, for light pages and dark ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_WIDTH, _LEFT, _RIGHT = 760, 130, 90
_BAR, _GAP, _MARGIN, _HEADING = 18, 6, 24, 30
_STYLE = """
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.ground { fill: #ffffff }
.peer { fill: #8c959f }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .ground { fill: #0d1117 }
  .peer { fill: #6e7681 }
  .ours { fill: #4493f8 }
}
"""


@dataclass(frozen=True, slots=True)
class Group:
    """One race: its name, and the racers with their requests a second."""

    name: str
    bars: Sequence[tuple[str, float]]


def draw(groups: Sequence[Group], title: str = "Requests answered each second; longer is better") -> str:
    """Draw all groups below each other, on one scale; the racer `ours` stands out."""
    longest = max((value for group in groups for _, value in group.bars), default=1.0) or 1.0
    body = ElementTree.Element("g")
    y = _MARGIN + _HEADING
    _text(body, _MARGIN, _MARGIN + 8, title, "title")
    for group in groups:
        y += _HEADING
        _text(body, _MARGIN, y - 10, group.name, "title")
        for racer, value in group.bars:
            y = _bar(body, y, racer, value, longest)
    height = y + _MARGIN
    drawing = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "width": str(_WIDTH),
            "height": str(height),
            "role": "img",
        },
    )
    ElementTree.SubElement(drawing, "title").text = title
    ElementTree.SubElement(drawing, "style").text = _STYLE
    ElementTree.SubElement(drawing, "rect", {"class": "ground", "width": "100%", "height": "100%", "rx": "6"})
    drawing.append(body)
    ElementTree.indent(drawing)
    return ElementTree.tostring(drawing, encoding="unicode") + "\n"


def _bar(body: ElementTree.Element, y: int, racer: str, value: float, longest: float) -> int:
    """Draw one bar, and give where the next one begins."""
    length = max(1.0, (_WIDTH - _LEFT - _RIGHT) * value / longest)
    kind = "ours" if racer == "ours" else "peer"
    name = _text(body, _LEFT - 8, y + 14, "soapsvc" if racer == "ours" else racer)
    name.set("text-anchor", "end")
    ElementTree.SubElement(
        body,
        "rect",
        {"class": kind, "x": str(_LEFT), "y": str(y), "width": f"{length:.1f}", "height": str(_BAR), "rx": "2"},
    )
    _text(body, _LEFT + round(length) + 8, y + 14, f"{value:,.0f}")
    return y + _BAR + _GAP


def _text(body: ElementTree.Element, x: int, y: int, text: str, kind: str | None = None) -> ElementTree.Element:
    element = ElementTree.SubElement(body, "text", {"x": str(x), "y": str(y), **({"class": kind} if kind else {})})
    element.text = text
    return element
