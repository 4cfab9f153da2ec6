"""Which snapshots go: of the last hours, days and weeks that have any, each keeps its newest. So do the last five that were taken
before something."""

import calendar
import re
import time

HOUR, DAY = 3600, 86400
BEFORE = 5


def moment(name):
    """When a snapshot was taken, in seconds since 1970, by its name; None where that is no time."""
    try:
        return calendar.timegm(time.strptime(re.search(r"[0-9]{8}T[0-9]{6}Z", name)[0], "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return None


def stale(names, keep, now):
    """Of `names` those that go, where `keep` has how many hours, days and weeks keep one. The newest of all stays, and those of the
    last hour: who has just taken one means to use it.

    Those of a time to come stay, and do not count: a clock was wrong when they were taken, or is now."""
    newest_first = sorted((name for name in names if (moment(name) or now + 1) <= now), key=moment, reverse=True)
    spans = [
        (keep["hourly"], lambda at: at // HOUR),
        (keep["daily"], lambda at: at // DAY),
        # 1970 began on a Thursday, and weeks begin on Mondays.
        (keep["weekly"], lambda at: (at // DAY + 3) // 7),
    ]
    kept = set(newest_first[:1])
    for count, span_of in spans:
        spans_seen = {}
        for name in newest_first:
            spans_seen.setdefault(span_of(moment(name)), name)
        kept.update(list(spans_seen.values())[:count])
    kept.update([name for name in newest_first if ".before-" in name][:BEFORE])
    return [name for name in newest_first if name not in kept and now - moment(name) > HOUR]
