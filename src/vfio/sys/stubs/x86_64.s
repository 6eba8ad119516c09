# Access stubs and SIGBUS recovery for x86-64 Linux (System V ABI, Intel syntax, position-independent).
#
# Guarantee: a call of readN or writeN is one MOV of exactly N bits at exactly the address given, and nothing else
# touches the device. A block or a poll is that same MOV once per element or turn, in order.
#
# Order: device mappings are uncached (UC), and x86 keeps UC accesses in program order, both among themselves and with
# earlier stores to and later loads from ordinary memory (Intel SDM vol. 3A, "Memory Ordering"). So no fence is needed.
# A store is posted: the device may get it after the stub has returned; reading the device back waits for it.
#
# Byte order: a value is the bytes at the address read little-endian, as PCI and this processor have it. No swapping.
#
# Signatures (addresses are 64-bit; `code` is siginfo.si_code, 1..255):
#   readN(address)                          -> value, or 2^32 + code                        N = 8, 16, 32
#   read64(address, value *out)             -> 0 and the value in *out, or code
#   writeN(address, value)                  -> 0, or code
#   readBlockN(address, memory, count, stride)   -> elements completed + (code << 44)
#   writeBlockN(address, memory, count, stride)  -> elements completed + (code << 44)
#       memory is packed, the device's address grows by `stride` bytes each time (0: always the same register)
#   readArrayN(address, memory, count)           -> as readBlockN with a stride of N / 8, at a C loop's speed
#   writeArrayN(address, memory, count)          -> as writeBlockN with a stride of N / 8, at a C loop's speed
#   pollN(address, record)                  -> 0 not matched, 1 matched, 256 + code
#       record: 0 mask, 8 want, 16 most reads to make (out: reads completed), 24 out: last value read
# A fault stores nothing and touches nothing but these return values: any number of threads may fault at once.
#
# `start` is at offset 0. Only labels that keystone and gas both know: no numeric ones, no directives for sections.

# `previous`, an offset from `start` too, lies in a page of data behind the code: the sa_handler that was there before.

.set previous, 0x10000
start:
.macro readOne width, instruction:vararg
.balign 16, 0xcc
read\width:
device_read\width: \instruction
    ret
.endm
    readOne 8, movzx eax, byte ptr [rdi]
    readOne 16, movzx eax, word ptr [rdi]
    readOne 32, mov eax, dword ptr [rdi]

.balign 16, 0xcc
read64:
device_read64: mov rax, qword ptr [rdi]
    mov qword ptr [rsi], rax
    xor eax, eax
    ret

.macro writeOne width, instruction:vararg
.balign 16, 0xcc
write\width:
device_write\width: \instruction
    xor eax, eax
    ret
.endm
    writeOne 8, mov byte ptr [rdi], sil
    writeOne 16, mov word ptr [rdi], si
    writeOne 32, mov dword ptr [rdi], esi
    writeOne 64, mov qword ptr [rdi], rsi

# rdi device, rsi end of the memory, rdx minus the elements left, rcx stride, r8 count
.macro readBlock width, bytes, value, instruction:vararg
.balign 32, 0xcc
readBlock\width:
    lea rsi, [rsi + rdx*\bytes]
    mov r8, rdx
    neg rdx
    jz readBlockEnd\width
.balign 16, 0x90
readBlockNext\width:
device_readBlock\width: \instruction
    mov [rsi + rdx*\bytes], \value
    add rdi, rcx
    inc rdx
    jnz readBlockNext\width
readBlockEnd\width:
    mov rax, r8
    ret
.endm
    readBlock 8, 1, al, movzx eax, byte ptr [rdi]
    readBlock 16, 2, ax, movzx eax, word ptr [rdi]
    readBlock 32, 4, eax, mov eax, dword ptr [rdi]
    readBlock 64, 8, rax, mov rax, qword ptr [rdi]

.macro writeBlock width, bytes, load, value, size, instruction:vararg
.balign 32, 0xcc
writeBlock\width:
    lea rsi, [rsi + rdx*\bytes]
    mov r8, rdx
    neg rdx
    jz writeBlockEnd\width
.balign 16, 0x90
writeBlockNext\width:
    \load \value, \size ptr [rsi + rdx*\bytes]
device_writeBlock\width: \instruction
    add rdi, rcx
    inc rdx
    jnz writeBlockNext\width
writeBlockEnd\width:
    mov rax, r8
    ret
.endm
    writeBlock 8, 1, movzx, eax, byte, mov byte ptr [rdi], al
    writeBlock 16, 2, movzx, eax, word, mov word ptr [rdi], ax
    writeBlock 32, 4, mov, eax, dword, mov dword ptr [rdi], eax
    writeBlock 64, 8, mov, rax, qword, mov qword ptr [rdi], rax

# A stride known beforehand: processors that fold immediate additions make a fifth more of these accesses a second.
# rdi device, rsi memory, rdx end of the device's part, rcx log2 of the bytes of an element, r8 start, r9 count
.macro readArray width, bytes, shift, value, instruction:vararg
.balign 32, 0xcc
readArray\width:
    mov r8, rdi
    mov r9, rdx
    test rdx, rdx
    jz readArrayEnd\width
    mov ecx, \shift
    lea rdx, [rdi + rdx*\bytes]
.balign 16, 0x90
readArrayNext\width:
device_readArray\width: \instruction
    add rdi, \bytes
    add rsi, \bytes
    mov [rsi - \bytes], \value
    cmp rdi, rdx
    jne readArrayNext\width
readArrayEnd\width:
    mov rax, r9
    ret
.endm
    readArray 8, 1, 0, al, movzx eax, byte ptr [rdi]
    readArray 16, 2, 1, ax, movzx eax, word ptr [rdi]
    readArray 32, 4, 2, eax, mov eax, dword ptr [rdi]
    readArray 64, 8, 3, rax, mov rax, qword ptr [rdi]

.macro writeArray width, bytes, shift, load, value, size, instruction:vararg
.balign 32, 0xcc
writeArray\width:
    mov r8, rdi
    mov r9, rdx
    test rdx, rdx
    jz writeArrayEnd\width
    mov ecx, \shift
    lea rdx, [rdi + rdx*\bytes]
.balign 16, 0x90
writeArrayNext\width:
    \load \value, \size ptr [rsi]
device_writeArray\width: \instruction
    add rsi, \bytes
    add rdi, \bytes
    cmp rdi, rdx
    jne writeArrayNext\width
writeArrayEnd\width:
    mov rax, r9
    ret
.endm
    writeArray 8, 1, 0, movzx, eax, byte, mov byte ptr [rdi], al
    writeArray 16, 2, 1, movzx, eax, word, mov word ptr [rdi], ax
    writeArray 32, 4, 2, mov, eax, dword, mov dword ptr [rdi], eax
    writeArray 64, 8, 3, mov, rax, qword, mov qword ptr [rdi], rax

# How a poll ends: rcx reads left, rdx last value read, rsi record
.balign 16, 0xcc
pollTimeout:
    xor eax, eax
    jmp pollEnd
pollMatched:
    mov eax, 1
pollEnd:
    sub [rsi + 16], rcx
    mov [rsi + 24], rdx
    ret

# rdi device, rsi record, r8 mask, r9 want, rcx reads left, rdx last value read
.macro poll width, instruction:vararg
.balign 32, 0xcc
poll\width:
    mov r8, [rsi]
    mov r9, [rsi + 8]
    mov rcx, [rsi + 16]
    xor edx, edx
    test rcx, rcx
    jz pollTimeout
pollNext\width:
device_poll\width: \instruction
    dec rcx
    mov rax, rdx
    and rax, r8
    cmp rax, r9
    je pollMatched
    pause
    test rcx, rcx
    jnz pollNext\width
    jmp pollTimeout
.endm
    poll 8, movzx edx, byte ptr [rdi]
    poll 16, movzx edx, word ptr [rdi]
    poll 32, mov edx, dword ptr [rdi]
    poll 64, mov rdx, qword ptr [rdi]

# Where a stub goes on after its device access faulted: rax holds si_code, every other register is as it was.
.balign 16, 0xcc
faultedRead:
    bts rax, 32
faultedStatus:
    ret
faultedBlock:
    shl rax, 44
    add rdx, r8
    or rax, rdx
    ret
faultedArray:
    shl rax, 44
    sub rdi, r8
    shr rdi, cl
    or rax, rdi
    ret
faultedPoll:
    bts rax, 8
    jmp pollEnd

# void handler(int signal, siginfo_t *info, void *ucontext)
# A fault that the processor raised on one of the device accesses below is turned into that stub's error return.
# Anything else (a SIGBUS sent by a process, a memory error found in the background, a fault elsewhere, also one on
# a block's memory side) goes to the handler that was there before, with the same arguments.
.balign 16, 0xcc
handler:
    mov eax, [rsi + 8]              # siginfo.si_code
    test eax, eax
    jle sent                        # SI_USER, SI_QUEUE, SI_TKILL
    cmp eax, 5
    je sent                         # BUS_MCEERR_AO: not about what runs now
    lea r8, [rip + start]
    mov rcx, [rdx + 168]            # ucontext.uc_mcontext.gregs[REG_RIP]
    sub rcx, r8
    lea r9, [rip + recoveries]
    lea r11, [rip + recoveriesEnd]
search:
    mov r10d, [r9]
    cmp rcx, r10
    je found
    add r9, 8
    cmp r9, r11
    jne search
    mov rcx, [r8 + previous]
    cmp rcx, 1
    ja forward
    jmp restoreDefault              # the access repeats, and the kernel does what it does without a handler
found:
    mov r10d, [r9 + 4]
    add r10, r8
    mov [rdx + 168], r10
    mov [rdx + 144], rax            # ucontext.uc_mcontext.gregs[REG_RAX]
    ret
forward:
    jmp rcx

# A signal that nothing will repeat: ignored where it was ignored, else sent again to this thread for the default.
sent:
    lea r8, [rip + start]
    mov rcx, [r8 + previous]
    cmp rcx, 1
    ja forward
    je ignored
    call restoreDefault
    mov eax, 39                     # getpid
    syscall
    mov r8d, eax
    mov eax, 186                    # gettid
    syscall
    mov edx, edi
    mov esi, eax
    mov edi, r8d
    mov eax, 234                    # tgkill
    syscall
ignored:
    ret

restoreDefault:
    lea rsi, [rip + defaultAction]
    xor edx, edx
    mov r10d, 8                     # sizeof(sigset_t)
    mov eax, 13                     # rt_sigaction
    syscall
    ret

# Pairs of offsets from `start`: the device access that may fault, where its stub goes on.
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
.long device_readArray\width, faultedArray
.long device_writeArray\width, faultedArray
.long device_poll\width, faultedPoll
.endm
.balign 8, 0xcc
recoveries:
    recover 8
    recover 16
    recover 32
    recover 64
recoveriesEnd:

# A kernel sigaction of zeros: SIG_DFL, no flags, no restorer, empty mask.
defaultAction:
.quad 0, 0, 0, 0
