"""Writes structured logs and errorsummaries with the real mozlog, of runs whose truth is known.

Usage: write_mozlog.py FOLDER. Each run becomes FOLDER/<name>_raw.log and FOLDER/<name>_errorsummary.log.
"""

import sys
from pathlib import Path

from mozlog import formatters, handlers, structuredlog

FOLDER = Path(sys.argv[1])
GROUP = "dom/a/mochitest.toml"
TESTS = {GROUP: ["dom/a/test_1.html", "dom/a/test_2.html", "dom/a/test_3.html"]}


def run(name, story):
    raw = open(FOLDER / f"{name}_raw.log", "w")
    summary = open(FOLDER / f"{name}_errorsummary.log", "w")
    logger = structuredlog.StructuredLogger(name)
    logger.add_handler(handlers.StreamHandler(raw, formatters.JSONFormatter()))
    logger.add_handler(handlers.StreamHandler(summary, formatters.ErrorSummaryFormatter()))
    logger.suite_start(TESTS, name="mochitest-plain", run_info={"os": "linux"})
    logger.group_start(name=GROUP)
    ended = story(logger)
    if ended is not False:
        logger.group_end(name=GROUP)
        logger.suite_end()
        logger.shutdown()
    raw.close()
    summary.close()


def one(logger, test, status="OK", **more):
    logger.test_start(test, group=GROUP)
    logger.test_end(test, status, group=GROUP, **more)


def passes(logger):
    for test in TESTS[GROUP]:
        one(logger, test)


def fails(logger):
    test = TESTS[GROUP][1]
    one(logger, TESTS[GROUP][0])
    logger.test_start(test, group=GROUP)
    logger.test_status(test, "first", "PASS", group=GROUP)
    logger.test_status(test, "second", "FAIL", expected="PASS", message="got 1, expected 2", group=GROUP)
    logger.test_end(test, "OK", group=GROUP)
    one(logger, TESTS[GROUP][2])


def is_known(logger):
    test = TESTS[GROUP][1]
    logger.test_start(test, group=GROUP)
    logger.test_status(test, "flaky", "FAIL", expected="PASS", known_intermittent=["FAIL"], group=GROUP)
    logger.test_end(test, "TIMEOUT", expected="OK", known_intermittent=["TIMEOUT"], group=GROUP)


def crashes(logger):
    test = TESTS[GROUP][0]
    logger.test_start(test, group=GROUP)
    logger.crash(process="1234", signature="@ mozilla::Thing::Do", test=test)
    logger.test_end(test, "CRASH", expected="OK", group=GROUP)


def leaks(logger):
    passes(logger)
    logger.mozleak_total(
        process="tab", bytes=100, threshold=0, objects=["nsThing"], scope=GROUP
    )


def asserts(logger):
    passes(logger)
    logger.assertion_count(test=TESTS[GROUP][0], count=3, min_expected=0, max_expected=1)
    logger.assertion_count(test=TESTS[GROUP][1], count=1, min_expected=0, max_expected=1)


def is_cut_off(logger):
    one(logger, TESTS[GROUP][0])
    logger.test_start(TESTS[GROUP][1], group=GROUP)
    return False


for story in (passes, fails, is_known, crashes, leaks, asserts, is_cut_off):
    run(story.__name__, story)
