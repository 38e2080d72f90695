"""Size of a plain installation: a new virtual environment, `pip install` of this checkout, sizes by package.

    python benchmarks/install_size.py [EXTRA ...] [--limit MB]

Files of each distribution are summed as its RECORD lists them, so that libraries in folders such as ``numpy.libs``
count for their package; compiled ``.pyc`` files count too. With ``--limit``, the status is 1 if the sum is larger.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
MB = 1e6


def sizes(site: Path) -> dict[str, float]:
    """Return MB by distribution, pip and setuptools left out, which come with the environment."""
    found: dict[str, float] = {}
    for distribution in distributions(path=[str(site)]):
        name = distribution.metadata["Name"].lower()
        if name not in ("pip", "setuptools"):
            paths = {Path(str(file.locate())) for file in distribution.files or ()}
            found[name] = sum(path.stat().st_size for path in paths if path.is_file()) / MB
    return found


def main() -> int:
    """Install, measure, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="*", help="extras to install too")
    parser.add_argument("--limit", type=float, help="maximum in MB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        extras = f"[{','.join(options.extras)}]" if options.extras else ""
        subprocess.run([python, "-m", "pip", "install", "-q", f"{ROOT}{extras}"], check=True)
        code = "import sysconfig; print(sysconfig.get_path('platlib'))"
        site = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
        found = sizes(Path(site))
    for name, size in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{size:8.1f} MB  {name}")
    total = sum(found.values())
    print(f"{total:8.1f} MB  together" + (f", {options.limit:g} are allowed" if options.limit else ""))
    return int(options.limit is not None and total > options.limit)


if __name__ == "__main__":
    sys.exit(main())
