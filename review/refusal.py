"""Why an upload is refused: the name of the rule, and a sentence that says what to do."""

from __future__ import annotations

from queues.problem import Problem

REPLAY = "replay"  # the rule of an upload that was taken before


class Refusal(Problem):
    """An upload that is not taken. `rule` is one word for records; the message is for the uploader."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
