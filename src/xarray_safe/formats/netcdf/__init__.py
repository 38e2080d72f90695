"""netCDF, both HDF5 (netCDF-4) and classic: headers and chunks by ranges of bytes, without a library's global lock."""

from xarray_safe.formats.netcdf.array import NetcdfArray
from xarray_safe.formats.netcdf.file import NetcdfFile, open_netcdf

__all__ = ["NetcdfArray", "NetcdfFile", "open_netcdf"]
