"""The intake daemon, around its SFTP server: verdicts, commands, /status, and taking an upload back."""
