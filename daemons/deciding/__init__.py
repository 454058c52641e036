"""What becomes of an upload behind review: the gate, what supersedes what, results and verdicts of builds."""
