"""Products in zip archives: central directory (PKWARE APPNOTE 6.3), inflating with checkpoints, the archive."""
