"""`python -m daemons.command`: as the supervisor starts its daemons."""

from daemons.command import main

main()
