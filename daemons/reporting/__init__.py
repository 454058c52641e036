"""What has waited too long, and why: the report, the daily digest, cycles of build dependencies."""
