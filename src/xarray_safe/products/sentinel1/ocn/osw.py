"""Ocean swell spectra (`osw`) of OCN products: elements of the netCDF file, and what they are called in the tree."""

from __future__ import annotations

from typing import Final

from xarray_safe.products.sentinel1.ocn.osw_conditions import CONDITIONS
from xarray_safe.products.sentinel1.ocn.row import Row

COORDINATES: Final = (
    Row(
        "k",
        "oswK",
        "wavenumber_binsize",
        "f4",
        "array of logarithmically spaced wavenumbers for the ocean swell wave spectra",
        units="rad/m",
    ),
    Row(
        "phi",
        "oswPhi",
        "angular_binsize",
        "f4",
        "array of equidistantly spaced directional angles for the ocean swell wave spectra",
        units="degrees",
    ),
    Row(
        "longitude",
        "oswLon",
        "azimuth range",
        "f4",
        "geodetic longitude at wave cell center",
        units="degrees_east",
        more={"standard_name": "longitude"},
    ),
    Row(
        "latitude",
        "oswLat",
        "azimuth range",
        "f4",
        "geodetic latitude at wave cell center",
        units="degrees_north",
        more={"standard_name": "latitude"},
    ),
    Row(
        "kx",
        "oswKx",
        "kx",
        "f4",
        (
            "normalised positive frequencies array of the cartesian cross-spectra in range direction, it is "
            "normalized by osw_ground_range_size and has to be divided by this later in order to get the actual "
            "spatial frequency vector for the given imagette"
        ),
        units="m/m",
    ),
    Row(
        "ky",
        "oswKy",
        "ky",
        "f4",
        (
            "normalised positive frequencies array of the cartesian cross-spectra in azimuth direction, it is "
            "normalized by osw_azimuth_size and has to be divided by this later in order to get the actual "
            "spatial frequency vector for the given imagette"
        ),
        units="m/m",
    ),
    Row(
        "jx",
        "oswJx",
        "kx",
        "f4",
        (
            "normalised jacobian array in range direction describing the non-linear resampling transformation for"
            " the cartesian cross-spectra, half the array is provided corresponding to positive frequencies, it "
            "is normalized by osw_ground_range_size and has to be divided by this later in order to get the "
            "actual jacobian vector for the given imagette"
        ),
        units="m/m",
        fill=-999.0,
    ),
    Row(
        "jy",
        "oswJy",
        "ky",
        "f4",
        (
            "normalised jacobian array in azimuth direction describing the non-linear resampling transformation "
            "for the cartesian cross-spectra, half the array is provided corresponding to positive frequencies, "
            "it is normalized by osw_azimuth_size and has to be divided by this later in order to get the actual "
            "jacobian vector for the given imagette"
        ),
        units="m/m",
        fill=-999.0,
    ),
)
"""Coordinates of every group whose variables have their dimensions, in the order in which variables list them."""

VARIABLES: Final = (
    Row(
        "measurements/hs",
        "oswHs",
        "azimuth range partition",
        "f4",
        "significant wave height computed from the most energetic wave partitions of the swell wave spectra",
        units="m",
        short_name="osw_hs",
        fill=-999.0,
    ),
    Row(
        "measurements/hs_normalised_variance",
        "oswHsNV",
        "azimuth range partition",
        "f4",
        (
            "value of the ocean swell spectrum normalized variance computed for the most energetic wave "
            "partitions of the swell wave spectra, weighted by the spectral energy"
        ),
        units="1",
        short_name="osw_hs_nv",
        fill=-999.0,
    ),
    Row(
        "measurements/partitions",
        "oswPartitions",
        "azimuth range angular_binsize wavenumber_binsize",
        "f4",
        "total significant wave height",
        units="1",
        short_name="osw_partitions",
        fill=-128,
    ),
    Row(
        "measurements/total_hs",
        "oswTotalHs",
        "azimuth range",
        "f4",
        "total significant wave height",
        units="m",
        short_name="osw_total_hs",
        fill=-999.0,
    ),
    Row(
        "measurements/total_hs_standard_deviation",
        "oswTotalHsStdev",
        "azimuth range",
        "f4",
        "standard deviation of total significant wave height",
        units="m",
        short_name="osw_total_hs_standard_deviation",
        fill=-999.0,
    ),
    Row(
        "measurements/wave_age",
        "oswWaveAge",
        "azimuth range",
        "f4",
        "parameter that describes the state of development of the wind sea component of the wave spectra",
        units="1",
        short_name="osw_wave_age",
    ),
    Row(
        "measurements/wave_direction",
        "oswDirmet",
        "azimuth range partition",
        "f4",
        "dominant wave direction of the swell wave spectrum for each wave partition (with respect to North)",
        units="degrees",
        short_name="osw_wave_direction",
        fill=-999.0,
    ),
    Row(
        "measurements/wave_length",
        "oswWl",
        "azimuth range partition",
        "f4",
        "dominant wave length of the swell wave spectrum for each wave partition",
        units="m",
        short_name="osw_wave_length",
        fill=-999.0,
    ),
    Row(
        "measurements/wind_sea_hs",
        "oswWindSeaHs",
        "azimuth range",
        "f4",
        (
            "significant wave height for the wind sea part of the total wave height spectrum, computed from the "
            "wind speed and the inverse wave age"
        ),
        units="m",
        short_name="osw_wind_sea_hs",
    ),
    Row(
        "quality/i_confidence",
        "oswIconf",
        "azimuth range partition",
        "b1",
        (
            "confidence flag for wave direction resolution, false if the wave direction is resolved and true if "
            "there is a 180-degree ambiguity in the wave direction"
        ),
        short_name="osw_i_confidence",
        fill=False,
        more={"flag_meanings": "resolved ambiguous", "flag_values": "[false true]"},
    ),
    Row(
        "quality/partition_quality_flag",
        "oswQualityFlagPartition",
        "azimuth range partition",
        "u1",
        "quality flag for the integral parameters of each partition",
        short_name="osw_partition_quality_flag",
        more={
            "flag_meanings": "excellent good fair low bad",
            "flag_values": "[0 1 2 3 4]",
            "valid_min": 0,
            "valid_max": 4,
        },
    ),
    Row(
        "quality/quality_cross_spectra_imaginary_part",
        "oswQualityCrossSpectraIm",
        "azimuth range angular_binsize wavenumber_binsize",
        "f4",
        (
            "imaginary part of quality image cross spectra given on a log-polar grid of wavenumber [rad/m] and "
            "angle [degrees]"
        ),
        units="(m/rad)^2",
        short_name="osw_quality_cross_spectra_imaginary",
    ),
    Row(
        "quality/quality_cross_spectra_real_part",
        "oswQualityCrossSpectraRe",
        "azimuth range angular_binsize wavenumber_binsize",
        "f4",
        (
            "real part of quality image cross spectra given on a log-polar grid of wavenumber [rad/m] and angle "
            "[degrees]"
        ),
        units="(m/rad)^2",
        short_name="osw_quality_cross_spectra_real",
    ),
    Row(
        "quality/quality_flag",
        "oswQualityFlag",
        "azimuth range",
        "u1",
        "final quality flag of the directional swell spectrum",
        short_name="osw_quality_flag",
        more={"flag_meanings": "good fair low bad", "flag_values": "[0 1 2 3]", "valid_min": 0, "valid_max": 3},
    ),
    Row(
        "quality/snr",
        "oswSnr",
        "azimuth range",
        "f4",
        "signal-to-noise ratio of cross spectra",
        units="dB",
        short_name="osw_snr",
    ),
    *CONDITIONS,
)
