"""The ten steps, in order. A step's docstring is its title and, below, its check; `--help` prints them."""

from __future__ import annotations

from etc.demonstration import installing, preparing, times, uploading, watching

STEPS = (
    preparing.make_site,
    preparing.make_environments,
    preparing.start_daemons,
    uploading.send_good_ones,
    uploading.send_bad_ones,
    uploading.decide,
    watching.watch,
    watching.watch_a_failure,
    installing.install,
    times.tell_times,
)
