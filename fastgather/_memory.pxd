cimport numpy as cnp


cdef cnp.ndarray new_array(cnp.dtype dtype, int ndim, const Py_ssize_t *shape, bint fortran)
