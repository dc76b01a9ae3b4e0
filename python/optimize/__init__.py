"""Sweep the settings of a Python function, or of any simulator, with the `optimize` program.

`simulator` turns a function into something that `optimize` can run; `Study` starts studies and
reads their results. The program does the work: this package only speaks to it.
"""

from .binary import StudyError
from .simulator import Simulator, Trial, simulator
from .study import Study

__all__ = ["Simulator", "Study", "StudyError", "Trial", "simulator"]
__version__ = "0.1.0"
