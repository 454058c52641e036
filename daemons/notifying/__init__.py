"""What becomes of a notice: a line in the log of events, mails to people, a POST to a webhook."""
