"""`python -m pseudovox`: the command `pseudovox` (console.py)."""

import sys

from pseudovox.console import main

sys.exit(main())
