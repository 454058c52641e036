"""What is run for a job, with which variables, and what its files are called. Pure."""

from __future__ import annotations

from queues.names import without_epoch
from queues.values import BuildJob


def log_name(job: BuildJob) -> str:
    """Give the name of a job's log."""
    return f"{job.source}_{without_epoch(job.version)}_{job.architecture}.log"


def changes_name(job: BuildJob) -> str:
    """Give the name of the .changes that dpkg-buildpackage writes for a job."""
    return f"{job.source}_{without_epoch(job.version)}_{job.architecture}.changes"


def tree(job: BuildJob) -> str:
    """Name the directory of a job's unpacked source in DIRECTORY, as dpkg-source(1) would."""
    upstream = without_epoch(job.version).rpartition("-")[0] or without_epoch(job.version)
    return f"{job.source}-{upstream}"


def unpacking(job: BuildJob) -> list[str]:
    """Give the command that unpacks a job's source, in DIRECTORY."""
    return ["dpkg-source", "-x", job.dsc.name, tree(job)]


def building(job: BuildJob) -> list[str]:
    """Give the command that builds a job, in its tree: the architecture's own packages, or those for all."""
    return ["dpkg-buildpackage", "-us", "-uc", "-A" if job.architecture == "all" else "-B"]


def variables(job: BuildJob, parallel: int) -> dict[str, str]:
    """Give what dpkg-buildpackage is told of a job in its environment; a parallel=N of the job's own counts."""
    own = [] if any(option.startswith("parallel=") for option in job.options) else [f"parallel={parallel}"]
    options = {"DEB_BUILD_OPTIONS": " ".join([*own, *job.options])}
    return options | ({"DEB_BUILD_PROFILES": " ".join(job.profiles)} if job.profiles else {})
