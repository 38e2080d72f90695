"""Statistics of the images that the metadata state, counted in the images that were written."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_SHARES = (
    *(("NODATA_PIXEL", 0), ("SATURATED_DEFECTIVE_PIXEL", 1), ("CAST_SHADOW", 2), ("CLOUD_SHADOW", 3)),
    *(("VEGETATION", 4), ("NOT_VEGETATED", 5), ("WATER", 6), ("UNCLASSIFIED", 7), ("MEDIUM_PROBA_CLOUDS", 8)),
    *(("HIGH_PROBA_CLOUDS", 9), ("THIN_CIRRUS", 10), ("SNOW_ICE", 11)),
)


@dataclass
class Statistics:
    """Counts of an L2A product's classes or of an L1C product's cloud mask, and means; filled while writing."""

    level: str
    specification: int
    classes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(12, "i8"))
    """Pixels of the 20 m scene classification by class."""
    flags: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, "i8"))
    """Pixels of the L1C classification mask: clouds, snow, without data, all."""
    sums: dict[str, list[int]] = field(default_factory=dict)
    """Sums and counts of the 20 m images of aerosols (``AOT``) and water vapour (``WVP``), in thousandths."""

    def add(self, kind: str, values: npt.NDArray[np.uint16]) -> None:
        """Count rows of aerosols or water vapour."""
        total = self.sums.setdefault(kind, [0, 0])
        total[0] += int(values.sum(dtype="i8"))
        total[1] += int(np.count_nonzero(values))

    def mean(self, kind: str) -> float:
        """Mean of aerosols or water vapour where there are data."""
        total, count = self.sums.get(kind, [0, 0])
        return total / 1000 / max(count, 1)

    def text(self, name: str) -> str:
        """Write one value as the metadata do."""
        return self.content()[name]

    def content(self, but: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the content of ``Image_Content_QI``: percentages of the pixels with data (no-data: of all)."""
        values = self._l1c() if self.level == "L1C" else self._l2a()
        return {name: value for name, value in values.items() if name not in but}

    def _l1c(self) -> dict[str, str]:
        clouds, snow, empty, total = self.flags.tolist()
        seen = max(total - empty, 1)
        return {
            "CLOUDY_PIXEL_PERCENTAGE": f"{100 * clouds / seen:.6f}",
            "DEGRADED_MSI_DATA_PERCENTAGE": "0.0019",
            "SNOW_PIXEL_PERCENTAGE": f"{100 * snow / seen:.6f}",
        }

    def _l2a(self) -> dict[str, str]:
        count = self.classes
        total, seen = max(int(count.sum()), 1), max(int(count[1:].sum()), 1)
        clouds = int(count[8:11].sum())
        land = max(seen - int(count[6]), 1)
        shares = {f"{name}_PERCENTAGE": f"{100 * int(count[n]) / (seen if n else total):.6f}" for name, n in _SHARES}
        if self.specification < 15:
            shares = {name.replace("CAST_SHADOW", "DARK_FEATURES"): value for name, value in shares.items()}
        return {
            "CLOUDY_PIXEL_PERCENTAGE": f"{100 * clouds / seen:.6f}",
            "CLOUDY_PIXEL_OVER_LAND_PERCENTAGE": f"{min(100 * clouds / land, 100):.6f}",
            "DEGRADED_MSI_DATA_PERCENTAGE": "0.021300",
            **shares,
            "RADIATIVE_TRANSFER_ACCURACY": "0.0",
            "WATER_VAPOUR_RETRIEVAL_ACCURACY": "0.0",
            "AOT_RETRIEVAL_ACCURACY": "0.0",
            "AOT_RETRIEVAL_METHOD": "SEN2COR_DDV",
            "GRANULE_MEAN_AOT": f"{self.mean('AOT'):.6f}",
            "GRANULE_MEAN_WV": f"{self.mean('WVP'):.6f}",
            "OZONE_SOURCE": "AUX_ECMWFT",
            "OZONE_VALUE": "296.662689",
        }
