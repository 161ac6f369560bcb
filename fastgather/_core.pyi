from fastgather._fallback import *
from fastgather._fallback import __all__ as __all__
