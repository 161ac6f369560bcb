from fastgather._slices cimport Slices
from fastgather._types cimport Direct, Kernel, Mode, Tile

cdef void move_slices(Slices copy, const Tile *tile, Py_ssize_t length) noexcept nogil
cdef Kernel gather_kernel(Py_ssize_t itemsize) noexcept nogil
cdef Direct gather_direct_kernel(Py_ssize_t itemsize, int index_code, Mode mode) noexcept nogil
cdef Direct gather_points_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil
