"""Index files: pieces that are compressed alone and used again, read one by one, written as one .gz and one .xz."""

from __future__ import annotations

from queues.problem import Problem


class Damaged(Problem):
    """A published index whose content is not what its Release says."""
