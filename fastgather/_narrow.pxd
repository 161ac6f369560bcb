cimport numpy as cnp

cdef cnp.ndarray convert(cnp.ndarray array, cnp.dtype dtype, bint *any_nan)
