#!/usr/bin/env python3
"""Writes table.rs beside it: the nation-wide public holidays of some countries.

Needs the package `holidays` from PyPI (MIT; https://github.com/vacanza/holidays):

    pip install holidays && python3 make.py && cargo test -p domain holidays

Only days that are free in the whole country are in it. Days that stand in for one at a weekend are
holidays too, and so is the one they stand in for.
"""

import pathlib
import textwrap

import holidays

YEARS = range(2024, 2036)
INDENT = " " * 8
COUNTRIES = """AT AU BE BG CA CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT JP LI LT LU LV MT NL
NO NZ PL PT RO SE SI SK US""".split()


def rows(country):
    for year in YEARS:
        days = sorted(holidays.country_holidays(country, years=year))
        numbers = ", ".join(str(day.month * 100 + day.day) for day in days)
        yield textwrap.fill(f"&[{numbers}],", 100, initial_indent=INDENT, subsequent_indent=INDENT)
        yield "\n"


def table():
    yield f"""\
// Written by make.py from `holidays` {holidays.__version__} (https://pypi.org/project/holidays/).

/// The first year of the table.
pub(super) const FIRST_YEAR: i16 = {YEARS[0]};

/// For each country, by its code, and each year: months and days, as in 1224.
#[rustfmt::skip]
pub(super) const TABLE: &[(&str, [&[u16]; {len(YEARS)}])] = &[
"""
    for country in sorted(COUNTRIES):
        yield f'    ("{country}", [\n'
        yield from rows(country)
        yield "    ]),\n"
    yield "];\n"


pathlib.Path(__file__).with_name("table.rs").write_text("".join(table()))
