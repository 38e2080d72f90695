"""Conditions of ocean swell spectra (`osw`) of OCN products."""

from __future__ import annotations

from typing import Final

from xarray_safe.products.sentinel1.ocn.row import Row

CONDITIONS: Final = (
    Row(
        "conditions/ambiguity_factor",
        "oswAmbiFac",
        "azimuth range partition",
        "f4",
        (
            "ambiguity factor measuring the ability to estimate wave propagation direction from the sign of the "
            "imaginary part of the cross spectra"
        ),
        units="1",
        short_name="osw_ambiguity_factor",
        fill=-999.0,
    ),
    Row(
        "conditions/auxiliary_wind_direction",
        "oswEcmwfWindDirection",
        "azimuth range",
        "f4",
        (
            "ECMWF wind direction (meteorological convention = clockwise direction from where the wind comes "
            "respect to north)"
        ),
        units="degrees",
        short_name="osw_auxiliary_wind_direction",
    ),
    Row(
        "conditions/auxiliary_wind_speed",
        "oswEcmwfWindSpeed",
        "azimuth range",
        "f4",
        "ECMWF wind speed",
        units="m/s",
        short_name="osw_auxiliary_wind_speed",
    ),
    Row(
        "conditions/azimuth_cutoff",
        "oswAzCutoff",
        "azimuth range",
        "f4",
        (
            "azimuth cut-off wavelength, the shortest wavelength in the azimuth direction that is resolved in the"
            " swell wave spectra; the cut-off wavelength in the azimuth direction is computed from the imagette "
            "cross-spectra; the spectral resolution is derived from this parameter"
        ),
        units="m",
        short_name="osw_azimuth_cutoff",
    ),
    Row(
        "conditions/azimuth_size",
        "oswAziSize",
        "azimuth range",
        "f4",
        "azimuth size of the estimation area",
        units="m",
        short_name="osw_azimuth_size",
    ),
    Row(
        "conditions/azimuth_size_slc",
        "oswAzSizeSLC",
        "azimuth range",
        "f4",
        "Size of SLC swath over Azimuth dimension",
        units="pixels",
        short_name="osw_azimuth_size_slc",
        fill=-999.0,
    ),
    Row(
        "conditions/cartesian_spectra_imaginary",
        "oswCartSpecIm",
        "azimuth range lag ky kx",
        "f4",
        (
            "imaginary part of half cartesian cross-spectra between the different sub-views: zero time lag; 1rst "
            "time lag; 2nd time lag"
        ),
        units="m^4",
        short_name="cartesian_spectra_imaginary",
        fill=-999.0,
    ),
    Row(
        "conditions/cartesian_spectra_real",
        "oswCartSpecRe",
        "azimuth range lag ky kx",
        "f4",
        (
            "real part of half cartesian cross-spectra between the different sub-views: zero time lag; 1rst time "
            "lag; 2nd time lag"
        ),
        units="m^4",
        short_name="cartesian_spectra_real",
        fill=-999.0,
    ),
    Row(
        "conditions/clutter_noise_cross_covariance_spectra",
        "oswPclut1",
        "azimuth range lag",
        "f4",
        "Estimated clutter noise levels of the cross-covariance spectra",
        units="",
        short_name="osw_clutter_noise_cross_covariance_spectra",
        fill=-999.0,
    ),
    Row(
        "conditions/clutter_noise_cross_spectra",
        "oswPclut2",
        "azimuth range lag",
        "f4",
        "Estimated clutter noise levels on cross spectra from which low frequency signal is removed",
        units="",
        short_name="osw_clutter_noise_cross_spectra",
        fill=-999.0,
    ),
    Row(
        "conditions/depth",
        "oswDepth",
        "azimuth range",
        "f4",
        "water depth from auxiliary data set",
        units="m",
        short_name="osw_depth",
    ),
    Row(
        "conditions/ground_range_size",
        "oswGroundRngSize",
        "azimuth range",
        "f4",
        "Ground range size of the estimation area",
        units="m",
        short_name="osw_ground_range_size",
        fill=-999.0,
    ),
    Row(
        "conditions/heading",
        "oswHeading",
        "azimuth range",
        "f4",
        "local northing angle (azimuth from north)",
        units="degrees",
        short_name="osw_heading",
    ),
    Row(
        "conditions/incidence_angle",
        "oswIncidenceAngle",
        "azimuth range",
        "f4",
        "radar incidence angle to the center of the wave cell",
        units="degrees",
        short_name="osw_incidence_angle",
    ),
    Row(
        "conditions/intensity",
        "oswInten",
        "azimuth range",
        "f4",
        "input SLC image intensity estimated within each wave cell",
        units="1",
        short_name="osw_intensity",
    ),
    Row(
        "conditions/kurtosis",
        "oswKurt",
        "azimuth range",
        "f4",
        "kurtosis of the input SLC image estimated within each wave cell",
        units="1",
        short_name="osw_kurtosis",
    ),
    Row(
        "conditions/land_coverage",
        "oswLandCoverage",
        "azimuth range",
        "f4",
        "percentage of land coverage within the cell",
        units="%",
        short_name="osw_land_coverage",
        more={"valid_min": 0.0, "valid_max": 100.0},
    ),
    Row(
        "conditions/land_flag",
        "oswLandFlag",
        "azimuth range",
        "b1",
        "land flag : true if presence of more than 10% of land coverage, false otherwise",
        short_name="osw_land_flag",
        more={"flag_meanings": "no_land land", "flag_values": "[false true]"},
    ),
    Row(
        "conditions/look_separation_time",
        "oswLookSeparationTime",
        "azimuth range",
        "f4",
        "separation time between inner and outer looks",
        units="s",
        short_name="osw_look_separation_time",
    ),
    Row(
        "conditions/non_linear_spectral_width",
        "oswNlWidth",
        "azimuth range",
        "f4",
        ("non-linear inverse spectral width describing non-linear spectral cut-off computed from the cross-spectra"),
        units="m",
        short_name="osw_non_linear_spectral_width",
    ),
    Row(
        "conditions/normalised_variance",
        "oswNv",
        "azimuth range",
        "f4",
        (
            "variance of the input SLC image normalized by the square of the mean intensity estimated within each"
            " wave cell."
        ),
        units="1",
        short_name="osw_slc_nv",
    ),
    Row(
        "conditions/nrcs",
        "oswNrcs",
        "azimuth range",
        "f4",
        "normalized radar cross section of the imagette, normalized to the area on ground",
        units="dB",
        short_name="osw_nrcs",
    ),
    Row(
        "conditions/nrcs_denoised",
        "oswNrcsNeszCorr",
        "azimuth range",
        "f4",
        "denoised normalized radar cross section",
        units="dB",
        short_name="osw_nrcs_denoised",
    ),
    Row(
        "conditions/polar_spectrum",
        "oswPolSpec",
        "azimuth range angular_binsize wavenumber_binsize",
        "f4",
        (
            "two-dimensional representation of the ocean swell waveheight spectrum given on a log-polar grid of "
            "wavenumber [rad/m] and angle [degrees]"
        ),
        units="m^4",
        short_name="osw_polar_spectrum",
    ),
    Row(
        "conditions/polar_spectrum_normalised_variance",
        "oswPolSpecNV",
        "azimuth range angular_binsize wavenumber_binsize",
        "f4",
        (
            "two-dimensional representation of the normalized variance of the ocean swell waveheight spectrum "
            "given on a log-polar grid of wavenumber [rad/m] and angle [degrees], it is estimated as the wave "
            "spectra variance among the periodograms within the overall image and normalized by the mean wave "
            "spectrum"
        ),
        units="1",
        short_name="osw_polar_spectrum_nv",
    ),
    Row(
        "conditions/range_cutoff",
        "oswRaCutoff",
        "azimuth range",
        "f4",
        (
            "range cut-off wavelength, the shortest wavelength in range direction that can be resolved in the "
            "swell wave spectra; it is computed from the slant range resolution (or range bandwidth) and the "
            "local incidence angle"
        ),
        units="m",
        short_name="osw_range_cutoff",
    ),
    Row(
        "conditions/range_size_slc",
        "oswRaSizeSLC",
        "azimuth range",
        "f4",
        "ground range size of the estimation area",
        units="m",
        short_name="osw_range_size_slc",
    ),
    Row(
        "conditions/skewness",
        "oswSkew",
        "azimuth range",
        "f4",
        "skewness of the input SLC image estimated within each wave cell",
        units="1",
        short_name="osw_skewness",
    ),
    Row(
        "conditions/spectrum_resolution",
        "oswSpecRes",
        "azimuth range angular_binsize",
        "f4",
        (
            "azimuth cut-off wavelength as function of wave direction; the spectral resolution gives the shortest"
            " ocean wavelength that can be detected; this depends on the sea state and the wave direction "
            "relative to azimuth; the vector length is equal to the number of directional bins; in range, the "
            "theoretical limit is given by the range bandwidth, and does not depend on the sea state"
        ),
        units="m",
        short_name="osw_spec_res",
    ),
    Row(
        "conditions/wind_speed",
        "oswWindSpeed",
        "azimuth range",
        "f4",
        "wind speed used for wave spectral retrieval (this value is derived from the NRCS)",
        units="m/s",
        short_name="osw_wind_speed",
    ),
    Row(
        "conditions/wind_direction",
        "oswWindDirection",
        "azimuth range",
        "f4",
        ("wind direction (meteorological convention = clockwise direction from where the wind comes respect to North)"),
        units="degrees",
        short_name="osw_wind_direction",
    ),
)
