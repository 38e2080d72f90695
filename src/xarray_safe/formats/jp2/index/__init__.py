"""Where the tiles of a JPEG 2000 image are stored: tables (TLM), search, cache and index files."""
