/**
 * The firmware image of sram: 1 KiB with something for `find` and `disasm` to show. All numbers little endian.
 *
 *   0x000  header: magic 'SRAMFW', version, size, then offset and size of each part: AArch64 code, x86-64 code, strings
 *   0x100  AArch64: memtest(x0 base, x1 words) writes a pattern and reads it back; at 0x160 ring(x0 doorbell, w1 vector)
 *   0x200  x86-64: crc32(rdi bytes, rsi count), bit by bit; at 0x229 ring(rdi doorbell, esi vector)
 *   0x300  strings, each ended by NUL
 */

const SIZE = 0x400;
const AARCH64 = 0x100;
const X86_64 = 0x200;
const STRINGS = 0x300;

const aarch64 = [
  0xaa0003e2, // memtest: mov x2, x0
  0xaa0103e3, // mov x3, x1
  0x528b4b44, // mov w4, #0x5a5a
  0x72b4b4a4, // movk w4, #0xa5a5, lsl #16
  0xb40000a3, // 1: cbz x3, 2f
  0x4a030085, // eor w5, w4, w3
  0xb8004445, // str w5, [x2], #4
  0xd1000463, // sub x3, x3, #1
  0x17fffffc, // b 1b
  0xd5033f9f, // 2: dsb sy
  0xaa0003e2, // mov x2, x0
  0xaa0103e3, // mov x3, x1
  0xb4000103, // 3: cbz x3, 4f
  0xb9400045, // ldr w5, [x2]
  0x4a030086, // eor w6, w4, w3
  0x6b0600bf, // cmp w5, w6
  0x540000c1, // b.ne 5f
  0x91001042, // add x2, x2, #4
  0xd1000463, // sub x3, x3, #1
  0x17fffff9, // b 3b
  0xd2800000, // 4: mov x0, #0
  0xd65f03c0, // ret
  0xaa0203e0, // 5: mov x0, x2
  0xd65f03c0, // ret
  0xd50332bf, // ring: dmb oshst
  0xb9000001, // str w1, [x0]
  0xd65f03c0, // ret
];

const x86_64 = Buffer.from(
  [
    'b8ffffffff', // crc32: mov eax, 0xffffffff
    '4885f6', // 1: test rsi, rsi
    '741c', // je 4f
    '3207', // xor al, [rdi]
    'b908000000', // mov ecx, 8
    'd1e8', // 2: shr eax, 1
    '7305', // jae 3f
    '352083b8ed', // xor eax, 0xedb88320
    'ffc9', // 3: dec ecx
    '75f3', // jne 2b
    '48ffc7', // inc rdi
    '48ffce', // dec rsi
    'ebdf', // jmp 1b
    'f7d0', // 4: not eax
    'c3', // ret
    '0faef8', // ring: sfence
    '8937', // mov [rdi], esi
    'c3', // ret
  ].join(''),
  'hex',
);

const strings = ['vfiodbg sram firmware 1.0', 'memtest passed', 'memtest failed at %p', 'ring doorbell %u'];

/** A fresh copy of the image. */
export function firmwareImage(): Buffer {
  const image = Buffer.alloc(SIZE);
  const text = strings.map((string) => `${string}\0`).join('');
  image.write('SRAMFW', 0, 'latin1');
  const header = [0x00010000, SIZE, AARCH64, aarch64.length * 4, X86_64, x86_64.length, STRINGS, text.length];
  for (const [i, word] of header.entries()) image.writeUInt32LE(word, 8 + 4 * i);
  for (const [i, word] of aarch64.entries()) image.writeUInt32LE(word, AARCH64 + 4 * i);
  x86_64.copy(image, X86_64);
  image.write(text, STRINGS, 'latin1');
  return image;
}
