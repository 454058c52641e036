"""The running parts: settings, daemon skeleton, supervisor, intake, dispatch, builds, publication, notices, command."""
