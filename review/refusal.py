"""Why an upload is refused: the name of the rule, and a sentence that says what to do."""

from __future__ import annotations

from queues.problem import Problem

REPLAY = "replay"  # the rule of an upload that was taken before


class Refusal(Problem):
    """An upload that is not taken. `rule` is one word for records; the message is for the uploader.

    What the message repeats of the upload was not checked: whatever a terminal might obey is a question mark (rule 4).
    """

    def __init__(self, rule: str, reason: str) -> None:
        self.rule = rule
        self.reason = "".join(letter if letter.isprintable() else "?" for letter in reason)
        super().__init__(self.reason)
