"""What pyproject.toml cannot say: a wheel holds conf/ and pretrained/, as pseudovox/share (core/checkout.py)."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHARED = ("conf", "pretrained")


class BuildWithShared(build_py):
    """Copies the shared folders beside the modules; an editable installation uses those of the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        share = Path(self.build_lib) / "pseudovox" / "share"
        shutil.rmtree(share, ignore_errors=True)
        for name in SHARED:
            if Path(name).is_dir():
                shutil.copytree(name, share / name)


setup(cmdclass={"build_py": BuildWithShared})
