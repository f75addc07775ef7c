# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write changelogs/changelog.yaml and CHANGELOG.rst from the fragments and the plugins' documentation.

antsibull-changelog copies the whole folder that it works on, caches and all; it gets a copy of what is shipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.ansible_test_sanity import PROJECT, copy_checkout

COPY = PROJECT / "build" / "changelog" / "ansible_collections" / "skills_eye" / "prometheus_fleet"
WRITTEN = ("CHANGELOG.rst", "changelogs/changelog.yaml")


def main() -> int:
    copy_checkout(PROJECT, COPY)
    command = [str(Path(sys.executable).with_name("antsibull-changelog")), "release"]
    command += ["--reload-plugins", "--refresh", "--update-existing"]
    done = subprocess.run(command, cwd=COPY, check=False)
    if done.returncode == 0:
        for name in WRITTEN:
            shutil.copyfile(COPY / name, PROJECT / name)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
