"""What the races came to: the figures, and their ratios against what must be reached, as tables."""

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import chart
from bench.races import Race, disk

ROOT = Path(__file__).parent.parent
PUBLISHED = Path(__file__).parent / "results" / "published.json"
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "races.svg"
MOST_LATE_MS = 5.0
BEGIN, END = "<!-- races: written by `make bench` -->", "<!-- end of races -->"

Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """What must be reached against a peer: the ratio of requests a second, and perhaps a lower p99."""

    work: str
    clients: int
    peer: str
    ratio: float
    also_p99: bool = False


BARS = (
    *(Bar("pairs", clients, "spyne", 15.0) for clients in (16, 64)),
    *(Bar("reads", clients, "spyne", 15.0) for clients in (16, 64)),
    *(Bar("pairs", clients, "node-soap", 5.0) for clients in (16, 64)),
    Bar("pairs", 64, "gsoap", 1.0, also_p99=True),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of a racer's turns, but of the worst wait and of errors the sum of it: the worst, and all."""

    rate: float
    p50: float
    p99: float
    p999: float
    worst: float
    answered: float | None
    errors: str
    memory_peak: float
    memory_end: float
    processor_microseconds: float
    complaint: str | None


def errors_of(result: dict[str, Any]) -> dict[str, int]:
    """Name what was not answered well. What was under way when the generator stopped is no error."""
    found = {f"HTTP {status}": count for status, count in result["statuses"].items() if status != "200"}
    lost = max(0, result["unanswered"] - result["clients"])
    return {kind: count for kind, count in {**found, "lost": lost, "late": result["timeouts"]}.items() if count}


def median(results: Results, race: Race, racer: str) -> Figures | None:
    """Give the figures of a racer, if it had turns; those of one that failed are its complaint only."""
    turns = [one for one in results["results"] if _race_of(one) == race and one["racer"] == racer]
    if not turns:
        return None
    complaint = next((one["complaint"] for one in turns if one["complaint"]), None)
    whole = [one for one in turns if "milliseconds" in one]
    if not whole:
        return Figures(0, 0, 0, 0, 0, None, "", 0, 0, 0, complaint)
    errors: dict[str, int] = {}
    for one in whole:
        for kind, count in errors_of(one).items():
            errors[kind] = errors.get(kind, 0) + count

    def middle(*values: float) -> float:
        return statistics.median(values)

    return Figures(
        rate=middle(*(one["good"] / one["seconds"] for one in whole)),
        p50=middle(*(one["milliseconds"]["p50"] for one in whole)),
        p99=middle(*(one["milliseconds"]["p99"] for one in whole)),
        p999=middle(*(one["milliseconds"]["p999"] for one in whole)),
        worst=max(one["milliseconds"]["worst"] for one in whole),
        answered=middle(*(one["good"] / one["planned"] for one in whole)) if race.rate is not None else None,
        errors=", ".join(f"{count} {kind}" for kind, count in sorted(errors.items())),
        memory_peak=max(one["memory_peak"] for one in whole) / 1e6,
        memory_end=middle(*(one["memory_end"] for one in whole)) / 1e6,
        processor_microseconds=middle(*(one["processor_seconds"] * 1e6 / max(1, one["good"]) for one in whole)),
        complaint=complaint,
    )


def line(racer: str, result: dict[str, Any]) -> str:
    """Say in one line what a turn came to."""
    if "milliseconds" not in result:
        return f"{racer:<12}FAILED: {result['complaint']}"
    waits = result["milliseconds"]
    rate = result["good"] / result["seconds"]
    text = f"{racer:<12}{rate:>8,.0f}/s  p50 {waits['p50']:.2f}  p99 {waits['p99']:.2f}  worst {waits['worst']:.1f} ms"
    if result.get("generator_late_ms", 0) > MOST_LATE_MS:
        text += f"  (the generator itself was up to {result['generator_late_ms']:.1f} ms late)"
    if errors := errors_of(result):
        text += "  " + ", ".join(f"{count} {kind}" for kind, count in errors.items())
    return text + (f"  DISQUALIFIED: {result['complaint']}" if result["complaint"] else "")


def races(results: Results) -> list[Race]:
    """Give the races that were run, in order."""
    return list(dict.fromkeys(map(_race_of, results["results"])))


def _race_of(result: dict[str, Any]) -> Race:
    return Race(result["work"], result["clients"], result["rate"], result["flush"])


HEADINGS = (
    "racer",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "worst ms",
    "ours / this",
    "errors",
    "CPU µs",
    "RSS MB",
)


def rows(results: Results, race: Race) -> list[tuple[str, ...]]:
    """Give the rows of a race's table, one a racer."""
    table: list[tuple[str, ...]] = []
    ours = median(results, race, "ours")
    for racer in results["racers"]:
        figures = median(results, race, racer)
        if figures is None:
            continue
        if figures.complaint:
            short = figures.complaint[:120]
            table.append((racer, "disqualified", "", "", "", "", "", short, "", ""))
            continue
        table.append(
            (
                racer,
                f"{figures.rate:,.0f}" + (f" ({figures.answered:.0%})" if figures.answered is not None else ""),
                *(f"{wait:,.2f}" for wait in (figures.p50, figures.p99, figures.p999)),
                f"{figures.worst:,.1f}",
                f"{ours.rate / figures.rate:.2f}" if ours and ours.rate and figures.rate else "",
                figures.errors or "none",
                f"{figures.processor_microseconds:,.0f}",
                f"{figures.memory_peak:,.0f} / {figures.memory_end:,.0f}",
            )
        )
    return table


BAR_HEADINGS = ("race", "against", "to reach", "reached", "")


def bars(results: Results) -> list[tuple[str, ...]]:
    """Compare the ratios with what must be reached, on each disk."""
    table: list[tuple[str, ...]] = []
    disks = sorted({race.flush for race in races(results)})
    for bar, flush in ((bar, flush) for flush in disks for bar in BARS if not flush or bar.work == "pairs"):
        race = Race(bar.work, bar.clients, flush=flush)
        ours = median(results, race, "ours")
        peer = median(results, race, bar.peer)
        name = f"{bar.work}, {bar.clients} clients, {disk(flush)}"
        wanted = f"≥ {bar.ratio:g} x" + (", lower p99" if bar.also_p99 else "")
        if ours is None or peer is None:
            table.append((name, bar.peer, wanted, "not raced", "NOT met"))
        elif ours.complaint or peer.complaint or not peer.rate:
            who = "ours" if ours.complaint else bar.peer
            table.append((name, bar.peer, wanted, f"{who} was disqualified", "NOT met"))
        else:
            ratio = ours.rate / peer.rate
            met = ratio >= bar.ratio and (not bar.also_p99 or ours.p99 < peer.p99)
            reached = f"{ratio:.2f} x" + (f", p99 {ours.p99:.1f} against {peer.p99:.1f} ms" if bar.also_p99 else "")
            table.append((name, bar.peer, wanted, reached, "met" if met else "NOT met"))
    return table


def show(results: Results) -> None:
    """Print all tables."""
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    for race in races(results):
        _print(console, race.name, HEADINGS, rows(results, race))
    _print(console, "Against what must be reached", BAR_HEADINGS, bars(results))
    for name, why in results["skipped"].items():
        console.print(f"!!! {name} DID NOT RACE: {why}")


def _print(console: Console, title: str, headings: Sequence[str], content: Sequence[Sequence[str]]) -> None:
    table = Table(*headings, box=None, title=title, title_justify="left")
    for row in content:
        table.add_row(*row)
    console.print(table)
    console.print()


def publish(results: Results) -> None:
    """Put the figures into the page, keep them beside it, and draw the chart."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n{END}{after}")
    PUBLISHED.write_text(json.dumps(results, indent=1) + "\n")
    CHART.write_text(chart.draw(_for_chart(results)))


def markdown(results: Results) -> str:
    """Give all tables in Markdown."""
    text = [
        f"Measured {results['at']} on {results['cores']} shared cores with Python {results['python']}, "
        f"{results['turns']} turns of {results['seconds']} s for each racer in each race. "
        f"A flush to the disk took {results['flush_microseconds']:,} µs.",
        "",
        *(f"- `{name}`: {title}" for name, title in results["racers"].items()),
        *(f"- `{name}` did not race: {why}" for name, why in results["skipped"].items()),
        "",
        "![Requests answered each second by each racer](races.svg)",
        "",
        *_markdown_table(BAR_HEADINGS, bars(results)),
    ]
    for race in races(results):
        text += ["", f"**{race.name}**", "", *_markdown_table(HEADINGS, rows(results, race))]
    return "\n".join(text) + "\n"


def _markdown_table(headings: Sequence[str], content: Sequence[Sequence[str]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *content]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _for_chart(results: Results) -> list[chart.Group]:
    groups = []
    for race in races(results):
        if race.rate is not None:
            continue
        reached = [(racer, median(results, race, racer)) for racer in results["racers"]]
        shown = [(racer, one.rate) for racer, one in reached if one and not one.complaint]
        groups.append(chart.Group(race.name, shown))
    return groups


def main() -> None:
    """Print a result that was kept; with --publish, put it into the page."""
    results = json.loads(Path(sys.argv[1]).read_text())
    show(results)
    if "--publish" in sys.argv[2:]:
        publish(results)


if __name__ == "__main__":
    main()
