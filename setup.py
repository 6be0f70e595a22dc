"""Packs the pages about codes into the wheel, so that `temper explain` finds them; the rest is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPages(build_py):
    """Copies `docs/diagnostics` beside the code. An editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree("docs/diagnostics", Path(self.build_lib, "temper", "pages"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithPages})
