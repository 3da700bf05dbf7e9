"""``python -m starter`` is ``clarion``."""

from __future__ import annotations

from starter.cli.app import main

main()
