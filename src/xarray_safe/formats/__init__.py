"""One file per file format: a frozen description of what to read, and the lazy array that it opens to."""
