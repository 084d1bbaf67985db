#!/usr/bin/python3
"""Makes rpmvercmp.txt: random pairs of versions, and how the rpm library orders them.

Needs Debian's package python3-rpm. Run it as `./rpmvercmp.py > rpmvercmp.txt`; the pairs are the same each time.
Each line is LEFT, RIGHT and -1, 0 or 1, separated by tabs. The first half compares parts, the second half whole
[epoch:]version-release texts.
"""

import random

import rpm

PAIRS = 2500
WORDS = ["0", "1", "2", "9", "10", "01", "007", "a", "b", "rc", "A", "fc40", "git1", "~", "^", "~~", ".", "x", "_", "+", "..", "é"]


def part(choose):
    return "".join(choose.choice(WORDS) for _ in range(choose.randint(1, 6)))


def near(choose, text):
    """Often the same text with one change: pairs that differ everywhere are decided at the first character."""
    at = choose.randrange(len(text) + 1)
    return text[:at] + choose.choice([*WORDS, ""]) + text[at + choose.randint(0, 2):] or "0"


def label(choose):
    epoch = choose.choice(["", "", "0:", "1:", "2:"])
    return f"{epoch}{part(choose)}-{part(choose)}"


def split(text):
    epoch, colon, rest = text.partition(":")
    version, _, release = (rest if colon else text).rpartition("-")
    return (epoch if colon else "0", version, release)


def main():
    choose = random.Random(4)
    for _ in range(PAIRS):
        left = part(choose)
        right = near(choose, left) if choose.random() < 0.7 else part(choose)
        print(left, right, rpm.labelCompare(("0", left, "1"), ("0", right, "1")), sep="\t")
    for _ in range(PAIRS):
        left = label(choose)
        right = label(choose)
        if choose.random() < 0.6:
            head, _, release = left.rpartition("-")
            right = f"{head}-{near(choose, release)}"
        print(left, right, rpm.labelCompare(split(left), split(right)), sep="\t")


main()
