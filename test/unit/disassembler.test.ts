import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type Architecture, architectures, disassemble, type Instruction } from '../../src/vfio/disassembler.js';

/** 'mov rbp, rsp' for each instruction. */
async function texts(bytes: Uint8Array, arch: Architecture, address = 0x1000n): Promise<string[]> {
  return (await disassemble(bytes, { address, arch })).map(text);
}

function text({ mnemonic, operands }: Instruction): string {
  return `${mnemonic} ${operands}`.trimEnd();
}

const samples: Readonly<Record<Architecture, readonly [hex: string, ...texts: string[]]>> = {
  'x86-64': ['55 4889e5 c3', 'push rbp', 'mov rbp, rsp', 'ret'],
  'x86-32': ['55 89e5 c3', 'push ebp', 'mov ebp, esp', 'ret'],
  'x86-16': ['55 89e5 c3', 'push bp', 'mov bp, sp', 'ret'],
  arm: ['04e02de5 1eff2fe1', 'str lr, [sp, #-4]!', 'bx lr'],
  thumb: ['80b5 08bf 0120 7047', 'push {r7, lr}', 'it eq', 'moveq r0, #1', 'bx lr'],
  'thumb-m': ['eff31080 7047', 'mrs r0, primask', 'bx lr'],
  arm64: ['fd7bbfa9 c0035fd6', 'stp x29, x30, [sp, #-0x10]!', 'ret'],
  riscv32: ['130101ff 0100 67800000', 'addi sp, sp, -0x10', 'c.nop', 'ret'],
  riscv64: ['130101ff 0100 83300100', 'addi sp, sp, -0x10', 'c.nop', 'ld ra, 0(sp)'],
  mips32: ['27bdffe0', 'addiu $sp, $sp, -0x20'],
  mips32el: ['e0ffbd27', 'addiu $sp, $sp, -0x20'],
  mips64: ['67bdffe0', 'daddiu $sp, $sp, -0x20'],
  mips64el: ['e0ffbd67', 'daddiu $sp, $sp, -0x20'],
  ppc32: ['9421fff0', 'stwu r1, -0x10(r1)'],
  ppc64: ['f821fff1', 'stdu r1, -0x10(r1)'],
  ppc64le: ['f1ff21f8', 'stdu r1, -0x10(r1)'],
};

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

for (const arch of architectures) {
  test(`${arch} code is read as its architecture says`, async () => {
    const [hex, ...expected] = samples[arch];
    assert.deepEqual(await texts(bytesOf(hex), arch), expected);
  });
}

test('addresses go on from the given one, through 2^63 and round 2^64', async () => {
  const nops = bytesOf('90 90');
  for (const address of [0n, 0x7fff_ffff_ffff_ffffn, 0xffff_ffff_8000_0001n, 0xffff_ffff_ffff_ffffn]) {
    const [first, second] = await disassemble(nops, { address, arch: 'x86-64' });
    assert.equal(first?.address, address);
    assert.equal(second?.address, BigInt.asUintN(64, address + 1n));
  }
});

test('a relative branch shows its target', async () => {
  assert.deepEqual(await texts(bytesOf('e8 00000000'), 'x86-64', 0x1000n), ['call 0x1005']);
});

test('what is no instruction is data, to the last byte', async () => {
  assert.deepEqual(await texts(bytesOf('06 c3 0f'), 'x86-64'), ['.byte 0x06', 'ret', '.byte 0x0f']);
  assert.deepEqual(await texts(bytesOf('ffffffff 0102'), 'arm64'), [
    '.byte 0xff, 0xff, 0xff, 0xff',
    '.byte 0x01, 0x02',
  ]);
  assert.deepEqual(await texts(bytesOf('01'), 'arm'), ['.byte 0x01']);
  assert.deepEqual(await texts(new Uint8Array(0), 'x86-64'), []);
});

test('no place where the bytes are divided changes an instruction', async () => {
  // mov rax, imm64 has 10 bytes; each number of nops in front moves the division to another of its bytes.
  const move = bytesOf('48b8 0102030405060708');
  for (let lead = 0; lead < move.length; lead++) {
    const bytes = Uint8Array.from([
      ...new Uint8Array(lead).fill(0x90),
      ...Array.from({ length: 900 }, () => [...move]).flat(),
    ]);
    const instructions = await disassemble(bytes, { address: 0n, arch: 'x86-64' });
    assert.equal(instructions.length, lead + 900);
    assert.ok(instructions.slice(lead).every((one) => text(one) === 'movabs rax, 0x807060504030201'));
    assert.ok(instructions.every((one, index) => index === 0 || one.address === end(instructions[index - 1])));
  }
});

test('a Thumb IT block stays whole where the bytes are divided', async () => {
  const block = bytesOf('04bf 0120 0220 0346'); // itt eq; moveq; moveq; mov
  for (let lead = 0; lead < 8; lead += 2) {
    const bytes = Uint8Array.from([
      ...new Uint8Array(lead).fill(0),
      ...Array.from({ length: 1100 }, () => [...block]).flat(),
    ]);
    const shown = (await texts(bytes, 'thumb')).slice(lead / 2);
    assert.deepEqual(new Set(shown), new Set(['itt eq', 'moveq r0, #1', 'moveq r0, #2', 'mov r3, r0']));
  }
});

test('64 KiB of one-byte instructions is not too much, nor are random bytes', async () => {
  const nops = await disassemble(new Uint8Array(65_536).fill(0x90), { address: 0n, arch: 'x86-64' });
  assert.equal(nops.length, 65_536);
  const noise = Uint8Array.from({ length: 20_000 }, (_, index) => (index * 2_654_435_761) >>> 13);
  for (const arch of ['x86-64', 'arm', 'thumb', 'arm64'] as const) {
    const shown = await disassemble(noise, { address: 0n, arch });
    assert.deepEqual(Uint8Array.from(shown.flatMap(({ bytes }) => [...bytes])), noise);
  }
});

test('an abort ends it', async () => {
  await assert.rejects(
    disassemble(new Uint8Array(65_536), { address: 0n, arch: 'x86-64', signal: AbortSignal.abort() }),
    { name: 'AbortError' },
  );
});

test('where the optional package is missing the error names it and says how to get it', () => {
  const hooks = `export async function resolve(name, context, next) {
    if (name !== '@alexaltea/capstone-js') return next(name, context);
    throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
  }`;
  const program = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    const { disassemble } = await import(${JSON.stringify(new URL('../../src/vfio/disassembler.js', import.meta.url).href)});
    await disassemble(new Uint8Array(4), { address: 0n, arch: 'riscv64' }).catch((error) => console.log(JSON.stringify(error.details)));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.ok(stdout !== '', stderr);
  const details: unknown = JSON.parse(stdout);
  assert.deepEqual(details, {
    kind: 'absent',
    operation: 'disassemble riscv64 code',
    why: 'the optional package @alexaltea/capstone-js is not installed',
    hint: 'npm install @alexaltea/capstone-js',
  });
});

function end(instruction: Instruction | undefined): bigint | undefined {
  return instruction && instruction.address + BigInt(instruction.bytes.length);
}
