"""What a product is: arrays, look-ups, tables, and the neutral tree. No file format, no mission, no xarray."""
