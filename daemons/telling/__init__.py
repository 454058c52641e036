"""What people are told of a site: counts and ages, the story of an upload, what an uploader's machine needs."""
