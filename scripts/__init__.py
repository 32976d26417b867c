"""What people and CI run."""

import sys
from pathlib import Path

# what the functions know, these need not say again
sys.path.append(str(Path(__file__).parents[1] / "lambda"))
