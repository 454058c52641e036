"""Where another server's accounts land their files, and how those come into the uploaders' areas."""
