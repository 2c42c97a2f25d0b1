#!/usr/bin/env python3
"""Writes clocks.txt beside it: when the clocks of each time zone jumped, from 1970 to 2025.

    pip install tzdata && PYTHONTZPATH= python3 make.py

Python's zoneinfo is asked for the offset at each noon and midnight (UTC), and where it changed,
the moment is narrowed down: that takes minutes, and shares nothing with the code under test. No
years to come: a newer database may change those. Names with the same clocks are written once.

A line is a zone: its name; its offsets in seconds, separated by commas, that of 1970-01-01 first;
and its jumps, separated by spaces: half minutes since the jump before (the first: since 1970), and
a letter for the new offset ("a" is the first of them).

zone.tab is the file of that name in the same package (public domain).
"""

import datetime
import importlib.metadata
import pathlib
import string
import zoneinfo

START = 0
END = int(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp())
STEP_SECONDS = 12 * 3600
LETTERS = string.ascii_letters


def jumps(zone):
    """Yields the start and every jump as (seconds since 1970, offset in seconds)."""

    def offset(seconds):
        local = datetime.datetime.fromtimestamp(seconds, zone)
        return int(local.utcoffset().total_seconds())

    yield START, offset(START)
    for low in range(START, END, STEP_SECONDS):
        high = low + STEP_SECONDS
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if offset(middle) == offset(low):
                low = middle
            else:
                high = middle
        yield high, offset(high)


def line(name, jumps):
    offsets = list(dict.fromkeys(offset for _, offset in jumps))
    words = [name, ",".join(map(str, offsets))]
    for (before, _), (at, offset) in zip(jumps, jumps[1:]):
        half_minutes, rest = divmod(at - before, 30)
        assert rest == 0, (name, at)
        words.append(f"{half_minutes}{LETTERS[offsets.index(offset)]}")
    return " ".join(words) + "\n"


def main():
    # Of names for the same clocks, the first place wins over "Etc/GMT+1" and "CET". "Factory" and
    # "localtime" name no clocks.
    names = sorted(
        zoneinfo.available_timezones() - {"Factory", "localtime"},
        key=lambda name: ("/" not in name, name.startswith("Etc/"), name),
    )
    lines = {}
    for name in names:
        zone = tuple(jumps(zoneinfo.ZoneInfo(name)))
        lines.setdefault(zone, line(name, zone))
    version = importlib.metadata.version("tzdata")
    text = f"# Written by make.py from tzdata {version}.\n" + "".join(sorted(lines.values()))
    pathlib.Path(__file__).with_name("clocks.txt").write_text(text)


if __name__ == "__main__":
    main()
