"""GRIB edition 1, as in the meteorology files of products."""
