"""Ocean wind field (`owi`) of OCN products: elements of the netCDF file, and what they are called in the tree."""

from __future__ import annotations

from typing import Final

from xarray_safe.products.sentinel1.ocn.row import Row

COORDINATES: Final = (
    Row(
        "longitude",
        "owiLon",
        "azimuth range",
        "f4",
        "geodetic longitude at wind cell center",
        units="degrees_east",
        more={"standard_name": "longitude"},
    ),
    Row(
        "latitude",
        "owiLat",
        "azimuth range",
        "f4",
        "geodetic latitude at wind cell center",
        units="degrees_north",
        more={"standard_name": "latitude"},
    ),
    Row(
        "polarisation",
        "owiPolarisationName",
        "polarisation",
        "u1",
        "identifier of the receiving polarization in order to discriminate co and cross polarisations",
        more={"flag_meanings": "VV VH HH HV DH DV", "flag_values": "[0 1 2 3 4 5]"},
    ),
)
"""Coordinates of every group whose variables have their dimensions, in the order in which variables list them."""

VARIABLES: Final = (
    Row(
        "measurements/wind_speed",
        "owiWindSpeed",
        "azimuth range",
        "f4",
        "SAR wind speed",
        units="m/s",
        short_name="owi_wind_speed",
        fill=-999.0,
        more={"standard_name": "wind_speed"},
    ),
    Row(
        "measurements/wind_direction",
        "owiWindDirection",
        "azimuth range",
        "f4",
        (
            "SAR wind direction (meteorological convention = clockwise direction from where the wind comes "
            "respect to north)"
        ),
        units="degrees",
        short_name="owi_wind_direction",
        fill=-999.0,
        more={"standard_name": "wind_direction"},
    ),
    Row(
        "conditions/auxiliary_wind_direction",
        "owiEcmwfWindDirection",
        "azimuth range",
        "f4",
        (
            "ECMWF wind direction (meteorological convention = clockwise direction from where the wind comes "
            "respect to north)"
        ),
        units="degrees",
        short_name="owi_auxiliary_wind_direction",
        more={"standard_name": "wind_direction"},
    ),
    Row(
        "conditions/auxiliary_wind_speed",
        "owiEcmwfWindSpeed",
        "azimuth range",
        "f4",
        "ECMWF wind speed",
        units="m/s",
        short_name="owi_auxiliary_wind_speed",
        more={"standard_name": "wind_speed"},
    ),
    Row(
        "conditions/elevation_angle",
        "owiElevationAngle",
        "azimuth range",
        "f4",
        (
            "radar elevation angle at wind cell center, this parameter is provided at each azimuth line in the "
            "wind cell grid"
        ),
        units="degrees",
        short_name="owi_elevation_angle",
    ),
    Row(
        "conditions/heading",
        "owiHeading",
        "azimuth range",
        "f4",
        "local northing angle (azimuth from north)",
        units="degrees",
        short_name="owi_heading",
        fill=-999.0,
    ),
    Row(
        "conditions/incidence_angle",
        "owiIncidenceAngle",
        "azimuth range",
        "f4",
        (
            "radar incidence angle at wind cell center, this parameter is provided at each azimuth line in the "
            "wind cell grid"
        ),
        units="degrees",
        short_name="osw_incidence_angle",
    ),
    Row(
        "conditions/mask",
        "owiMask",
        "azimuth range",
        "u1",
        ("mask of classification: set to 1 if land coverage > 10%, set to 2 if inside 10km-dilated ice edge area"),
        short_name="owi_mask",
        more={
            "flag_meanings": "valid_data land ice no_data",
            "flag_values": "[0, 1, 2, 4]",
            "valid_min": 0,
            "valid_max": 8,
        },
    ),
    Row(
        "conditions/nesz",
        "owiNesz",
        "azimuth range polarisation",
        "f4",
        (
            "noise equivalent sigma-naught, equivalent to measured radar cross section normalized to the area on "
            "ground; this is a copy of the level-1 calibrated noise LUT interpolated on the wind cell grid"
        ),
        units="m^2/m^2",
        short_name="owi_nesz",
        fill=-999.0,
    ),
    Row(
        "conditions/nrcs",
        "owiNrcs",
        "azimuth range polarisation",
        "f4",
        (
            "normalized radar cross section of the imagette, measured radar cross section normalized to the area "
            "on ground"
        ),
        units="m^2/m^2",
        short_name="owi_nrcs",
        fill=-999.0,
    ),
    Row(
        "conditions/nrcs_noise_corrected",
        "owiNrcsNeszCorr",
        "azimuth range polarisation",
        "f4",
        "noise corrected NRCS averaged within and provided for each wind cell",
        units="m^2/m^2",
        short_name="owi_nrcs_noise_corrected",
        fill=-999.0,
    ),
    Row(
        "conditions/nrcs_wind_gmf",
        "owiNrcsCmod",
        "azimuth range",
        "f4",
        "predicted normalized radar cross section from CMOD and ECMWF 10m wind for each wind cell",
        units="m^2/m^2",
        short_name="owi_nrcs_wind_gmf",
        fill=-999.0,
    ),
    Row(
        "quality/calibration_constant",
        "owiCalConstObsi",
        "calib_const_inc_angles",
        "f4",
        "geophysical calibration constant estimated from ECMWF and CMOD GMF",
        short_name="owi_calibration_constant",
        fill=-999.0,
    ),
    Row(
        "quality/inversion_quality",
        "owiInversionQuality",
        "azimuth range",
        "u1",
        "inversion quality flag for each wind cell",
        short_name="owi_inversion_quality",
        more={"flag_meanings": "good fair bad", "flag_values": "[0 1 2]", "valid_min": 0, "valid_max": 2},
    ),
    Row(
        "quality/percentage_bright_points",
        "owiPBright",
        "azimuth range",
        "f4",
        (
            "percentage of bright target pixels detected in each wind cell and removed for the computation of the"
            " mean NRCS"
        ),
        units="%",
        short_name="owi_percentage_bright_points",
        fill=-999.0,
        more={"valid_min": 0.0, "valid_max": 100.0},
    ),
    Row(
        "quality/wind_quality",
        "owiWindQuality",
        "azimuth range",
        "u1",
        (
            "wind quality flag for each wind cell; this flag takes into account the consistency between wind "
            "invertion, NRCS and Doppler"
        ),
        short_name="owi_wind_quality",
        more={"flag_meanings": "good fair low bad", "flag_values": "[0 1 2 3]", "valid_min": 0, "valid_max": 3},
    ),
)
