// Access stubs and SIGBUS recovery for aarch64 Linux, little-endian (AAPCS64, position-independent).
//
// Guarantee: a call of readN or writeN is one LDR or STR of exactly N bits at exactly the address given, and nothing
// else touches the device. A block or a poll is that same access once per element or turn, in order. Accesses are the
// plain single-register forms with a bare base register: no writeback, no pairs, no vectors, because only these give
// a hypervisor that emulates the device a decoded syndrome (ESR_ELx.ISV; Arm ARM D24.2.40).
//
// Order: VFIO maps registers as Device memory (nGnRnE; CDX: nGnRE): never gathered, never reordered among accesses to
// one device. Ordinary memory is another matter, and these stubs give what readl and writel of Linux give:
//   - DMB OSHST before a write: what was stored to a DMA buffer before is visible to the device before the doorbell is.
//   - DMB OSHLD behind a read: what is loaded from a DMA buffer after it is not older than the status read.
//   - behind a read, a branch that depends on its value: a clock read after it (an ISB precedes that) is taken later.
// Blocks have the barrier once, before the first write or behind the last read; polls once, behind the last read.
// A store is posted: the device may get it after the stub has returned; reading the device back waits for it. A bus
// error that a store meets later arrives as SError and is the kernel's: it cannot be recovered here.
//
// Byte order: a value is the bytes at the address read little-endian. No swapping.
//
// Signatures (addresses are 64-bit; `code` is siginfo.si_code, 1..255):
//   readN(address)                          -> value, or 2^32 + code                        N = 8, 16, 32
//   read64(address, value *out)             -> 0 and the value in *out, or code
//   writeN(address, value)                  -> 0, or code
//   readBlockN(address, memory, count, stride)   -> elements completed + (code << 44)
//   writeBlockN(address, memory, count, stride)  -> elements completed + (code << 44)
//       memory is packed, the device's address grows by `stride` bytes each time (0: always the same register)
//   readArrayN(address, memory, count)           -> as readBlockN with a stride of N / 8
//   writeArrayN(address, memory, count)          -> as writeBlockN with a stride of N / 8
//   pollN(address, record)                  -> 0 not matched, 1 matched, 256 + code
//       record: 0 mask, 8 want, 16 most reads to make (out: reads completed), 24 out: last value read
// A fault stores nothing and touches nothing but these return values: any number of threads may fault at once.
//
// `start` is at offset 0. Only labels that keystone and gas both know: no numeric ones, no directives for sections.

// `previous`, an offset from `start` too, lies in a page of data behind the code: the sa_handler that was there before.

.set previous, 0x10000
start:
.macro readOne width, instruction:vararg
.balign 32
read\width:
device_read\width: \instruction
    dmb oshld
    eor x1, x0, x0
    cbnz x1, .
    ret
.endm
    readOne 8, ldrb w0, [x0]
    readOne 16, ldrh w0, [x0]
    readOne 32, ldr w0, [x0]

.balign 32
read64:
device_read64: ldr x0, [x0]
    dmb oshld
    eor x2, x0, x0
    cbnz x2, .
    str x0, [x1]
    mov x0, #0
    ret

.macro writeOne width, instruction:vararg
.balign 16
write\width:
    dmb oshst
device_write\width: \instruction
    mov x0, #0
    ret
.endm
    writeOne 8, strb w1, [x0]
    writeOne 16, strh w1, [x0]
    writeOne 32, str w1, [x0]
    writeOne 64, str x1, [x0]

// x0 device, x1 memory, x2 elements left, x5 count; stride is x3 or a constant
.macro readElements name, bytes, stride, store, value, instruction:vararg
.balign 32
\name:
    mov x5, x2
    cbz x2, end_\name
next_\name:
device_\name: \instruction
    \store \value, [x1]
    add x0, x0, \stride
    add x1, x1, #\bytes
    subs x2, x2, #1
    b.ne next_\name
    dmb oshld
end_\name:
    mov x0, x5
    ret
.endm
    readElements readBlock8, 1, x3, strb, w4, ldrb w4, [x0]
    readElements readBlock16, 2, x3, strh, w4, ldrh w4, [x0]
    readElements readBlock32, 4, x3, str, w4, ldr w4, [x0]
    readElements readBlock64, 8, x3, str, x4, ldr x4, [x0]
    readElements readArray8, 1, #1, strb, w4, ldrb w4, [x0]
    readElements readArray16, 2, #2, strh, w4, ldrh w4, [x0]
    readElements readArray32, 4, #4, str, w4, ldr w4, [x0]
    readElements readArray64, 8, #8, str, x4, ldr x4, [x0]

.macro writeElements name, bytes, stride, load, value, instruction:vararg
.balign 32
\name:
    mov x5, x2
    cbz x2, end_\name
    dmb oshst
next_\name:
    \load \value, [x1]
device_\name: \instruction
    add x0, x0, \stride
    add x1, x1, #\bytes
    subs x2, x2, #1
    b.ne next_\name
end_\name:
    mov x0, x5
    ret
.endm
    writeElements writeBlock8, 1, x3, ldrb, w4, strb w4, [x0]
    writeElements writeBlock16, 2, x3, ldrh, w4, strh w4, [x0]
    writeElements writeBlock32, 4, x3, ldr, w4, str w4, [x0]
    writeElements writeBlock64, 8, x3, ldr, x4, str x4, [x0]
    writeElements writeArray8, 1, #1, ldrb, w4, strb w4, [x0]
    writeElements writeArray16, 2, #2, ldrh, w4, strh w4, [x0]
    writeElements writeArray32, 4, #4, ldr, w4, str w4, [x0]
    writeElements writeArray64, 8, #8, ldr, x4, str x4, [x0]

// How a poll ends: x4 reads left, x5 last value read, x1 record
.balign 16
pollTimeout:
    mov x0, #0
    b pollEnd
pollMatched:
    mov x0, #1
pollEnd:
    dmb oshld
    ldr x6, [x1, #16]
    sub x6, x6, x4
    str x6, [x1, #16]
    str x5, [x1, #24]
    ret

// x0 device, x1 record, x2 mask, x3 want, x4 reads left, x5 last value read
.macro poll width, instruction:vararg
.balign 32
poll\width:
    ldr x2, [x1]
    ldr x3, [x1, #8]
    ldr x4, [x1, #16]
    mov x5, #0
    cbz x4, pollTimeout
pollNext\width:
device_poll\width: \instruction
    sub x4, x4, #1
    and x6, x5, x2
    cmp x6, x3
    b.eq pollMatched
    yield
    cbnz x4, pollNext\width
    b pollTimeout
.endm
    poll 8, ldrb w5, [x0]
    poll 16, ldrh w5, [x0]
    poll 32, ldr w5, [x0]
    poll 64, ldr x5, [x0]

// Where a stub goes on after its device access faulted: x0 holds si_code, every other register is as it was.
.balign 16
faultedRead:
    orr x0, x0, #0x100000000
faultedStatus:
    ret
faultedBlock:
    sub x5, x5, x2
    orr x0, x5, x0, lsl #44
    dmb oshld
    ret
faultedPoll:
    orr x0, x0, #0x100
    b pollEnd

// void handler(int signal, siginfo_t *info, void *ucontext)
// A fault that the processor raised on one of the device accesses below is turned into that stub's error return.
// Anything else (a SIGBUS sent by a process, a memory error found in the background, a fault elsewhere, also one on
// a block's memory side) goes to the handler that was there before, with the same arguments.
.balign 16
handler:
    ldr w3, [x1, #8]                // siginfo.si_code
    cmp w3, #0
    b.le sent                       // SI_USER, SI_QUEUE, SI_TKILL
    cmp w3, #5
    b.eq sent                       // BUS_MCEERR_AO: not about what runs now
    adr x4, start
    ldr x5, [x2, #440]              // ucontext.uc_mcontext.pc
    sub x5, x5, x4
    adr x6, recoveries
    adr x7, recoveriesEnd
search:
    ldr w8, [x6]
    cmp x5, x8
    b.eq found
    add x6, x6, #8
    cmp x6, x7
    b.ne search
    add x4, x4, #previous
    ldr x4, [x4]
    cmp x4, #1
    b.hi forward
    b restoreDefault                // the access repeats, and the kernel does what it does without a handler
found:
    ldr w8, [x6, #4]
    add x8, x8, x4
    str x8, [x2, #440]
    str x3, [x2, #184]              // ucontext.uc_mcontext.regs[0]
    ret
forward:
    br x4

// A signal that nothing will repeat: ignored where it was ignored, else sent again to this thread for the default.
sent:
    adr x4, start
    add x4, x4, #previous
    ldr x4, [x4]
    cmp x4, #1
    b.hi forward
    b.eq ignored
    mov x9, x30
    mov w10, w0
    bl restoreDefault
    mov x8, #172                    // getpid
    svc #0
    mov w11, w0
    mov x8, #178                    // gettid
    svc #0
    mov w1, w0
    mov w0, w11
    mov w2, w10
    mov x8, #131                    // tgkill
    svc #0
    ret x9
ignored:
    ret

restoreDefault:
    adr x1, defaultAction
    mov x2, #0
    mov x3, #8                      // sizeof(sigset_t)
    mov x8, #134                    // rt_sigaction
    svc #0
    ret

// Pairs of offsets from `start`: the device access that may fault, where its stub goes on.
.macro recover width
.long device_read\width
.ifeq \width - 64
.long faultedStatus
.else
.long faultedRead
.endif
.long device_write\width, faultedStatus
.long device_readBlock\width, faultedBlock
.long device_writeBlock\width, faultedBlock
.long device_readArray\width, faultedBlock
.long device_writeArray\width, faultedBlock
.long device_poll\width, faultedPoll
.endm
.balign 8
recoveries:
    recover 8
    recover 16
    recover 32
    recover 64
recoveriesEnd:

// A kernel sigaction of zeros: SIG_DFL, no flags, no restorer, empty mask.
defaultAction:
.quad 0, 0, 0, 0
