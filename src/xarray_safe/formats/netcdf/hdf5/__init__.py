"""HDF5 as netCDF-4 writes it: object headers, links, attributes and indexes of chunks.

Source: HDF5 File Format Specification, version 3.0 (superblocks 0 to 3, object headers 1 and 2).
"""
