"""The demo: its options, its ten steps, what it shows, and the table at its end."""
