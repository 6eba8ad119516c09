"""What Python makes of the mapping that the tool reads: fd 3, a memfd, inherited. Prints nanoseconds.

    memory-reference.py unpack READS        one struct.unpack_from of 32 bits
    memory-reference.py ctypes READS        one c_uint32 over the mapping
    memory-reference.py block BYTES PASSES  the best of PASSES over BYTES, as 32-bit words
"""

import ctypes
import mmap
import struct
import sys
from time import perf_counter_ns

mode = sys.argv[1]
size = int(sys.argv[2]) if mode == "block" else 4096
device = mmap.mmap(3, size)


def single(read):
    reads = int(sys.argv[2])
    best = 1e18
    for _ in range(5):
        begun = perf_counter_ns()
        for i in range(reads):
            read(i * 4 & 0xFFC)
        best = min(best, (perf_counter_ns() - begun) / reads)
    return best


def block():
    words = struct.Struct("<%dI" % (size // 4))
    best = 1e18
    for _ in range(int(sys.argv[3])):
        begun = perf_counter_ns()
        words.unpack_from(device, 0)
        best = min(best, perf_counter_ns() - begun)
    return best


if mode == "block":
    print(block())
elif mode == "ctypes":
    word = ctypes.c_uint32
    print(single(lambda offset: word.from_buffer(device, offset).value))
else:
    unpack = struct.Struct("<I").unpack_from
    print(single(lambda offset: unpack(device, offset)[0]))
