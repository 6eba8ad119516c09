import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Capstone, Const, type Insn, loadCapstone } from 'capstone-wasm';
import { aarch64 } from '../../src/vfio/sys/stubs/aarch64.js';
import type { MachineCode, StubKind, StubName } from '../../src/vfio/sys/stubs/machine-code.js';
import { x86_64 } from '../../src/vfio/sys/stubs/x86_64.js';
import { type Width, widths } from '../../src/vfio/width.js';
import { assemble, kinds, processors, stubNames } from '../stubs/assemble.js';

const checkedIn: Record<string, MachineCode> = { x86_64, aarch64 };

/** How a processor spells one load or store of a width through the device pointer, and any use of that pointer. */
interface Dialect {
  device: RegExp;
  load: Record<Width, RegExp>;
  store: Record<Width, RegExp>;
}

const dialects: Record<string, Dialect> = {
  x86_64: {
    device: /\[[^\]]*\b[er]?di[l]?\b[^\]]*\]/,
    load: {
      8: /^movzx \w+, byte ptr \[rdi\]$/,
      16: /^movzx \w+, word ptr \[rdi\]$/,
      32: /^mov e\w+, dword ptr \[rdi\]$/,
      64: /^mov r\w+, qword ptr \[rdi\]$/,
    },
    store: {
      8: /^mov byte ptr \[rdi\], (al|sil)$/,
      16: /^mov word ptr \[rdi\], (ax|si)$/,
      32: /^mov dword ptr \[rdi\], (eax|esi)$/,
      64: /^mov qword ptr \[rdi\], (rax|rsi)$/,
    },
  },
  aarch64: {
    device: /\[x0\b/,
    load: {
      8: /^ldrb w\d, \[x0\]$/,
      16: /^ldrh w\d, \[x0\]$/,
      32: /^ldr w\d, \[x0\]$/,
      64: /^ldr x\d, \[x0\]$/,
    },
    store: {
      8: /^strb w\d, \[x0\]$/,
      16: /^strh w\d, \[x0\]$/,
      32: /^str w\d, \[x0\]$/,
      64: /^str x\d, \[x0\]$/,
    },
  },
};

/** Uses of ordinary memory beside the device access: where a block's element, a poll's record or a result goes. */
function ordinaryAccesses(kind: StubKind, width: Width): number {
  if (kind === 'poll') return 3;
  if (kind.endsWith('Block') || kind.endsWith('Array')) return 1;
  return kind === 'read' && width === 64 ? 1 : 0;
}

/** Whether an instruction loads or stores; LEA only computes an address, and x86 is padded with NOPs that name one. */
function usesMemory(line: string): boolean {
  return line.includes('[') && !/^(lea|nop) /.test(line);
}

function text(instruction: Insn): string {
  return `${instruction.mnemonic} ${instruction.opStr}`.trim();
}

before(loadCapstone);

for (const processor of processors) {
  describe(`stubs for ${processor}`, () => {
    const code = checkedIn[processor];
    const dialect = dialects[processor];
    assert.ok(code && dialect);
    const bytes = Buffer.from(code.hex, 'hex');

    /** The instructions of one stub, up to the next one. */
    const stubInstructions = (name: StubName): Insn[] => {
      const start = code.stubs[name];
      const starts = [...Object.values(code.stubs), code.handler].toSorted((a, b) => a - b);
      const end = starts.find((other) => other > start) ?? bytes.length;
      const capstone =
        processor === 'x86_64'
          ? new Capstone(Const.CS_ARCH_X86, Const.CS_MODE_64)
          : new Capstone(Const.CS_ARCH_ARM64, Const.CS_MODE_LITTLE_ENDIAN);
      const instructions = capstone.disasm(bytes.subarray(start, end), { address: start });
      capstone.close();
      const last = instructions.at(-1);
      assert.equal(Number(last?.address) + (last?.size ?? 0), end, `${name} decodes to its end`);
      return instructions;
    };
    const deviceAccesses = (name: StubName): Insn[] =>
      stubInstructions(name).filter((one) => usesMemory(text(one)) && dialect.device.test(one.opStr));

    test('the checked-in bytes are what the source assembles to', async () => {
      assert.deepEqual(await assemble(processor), code);
    });

    test('they fit one page, and their data lies in another one, whatever size pages have', () => {
      assert.ok(bytes.length <= 4096);
      assert.equal(code.previous, 65_536);
    });

    for (const kind of kinds) {
      for (const width of widths) {
        test(`${kind}${width} has one access to the device, of ${width} bits`, () => {
          const accesses = deviceAccesses(`${kind}${width}`).map(text);
          const isStore = kind.startsWith('write');
          assert.equal(accesses.length, 1, accesses.join('; '));
          assert.match(accesses[0] ?? '', (isStore ? dialect.store : dialect.load)[width]);
        });
      }
    }

    test('ordinary memory is used for an element, a poll record or a 64-bit result, and by nothing else', () => {
      for (const kind of kinds) {
        for (const width of widths) {
          const all = stubInstructions(`${kind}${width}`);
          // A stub's own code ends where it cannot but leave; behind that lie ends that several share, and padding.
          const own = all.slice(0, 1 + all.findIndex((instruction) => /^(ret|jmp|b)$/.test(instruction.mnemonic)));
          const ordinary: string[] = own.map(text).filter((line) => usesMemory(line) && !dialect.device.test(line));
          assert.equal(ordinary.length, ordinaryAccesses(kind, width), `${kind}${width}: ${ordinary.join('; ')}`);
        }
      }
    });

    if (processor === 'aarch64') {
      test('no writeback, pair, exclusive or vector access, so that a hypervisor can decode each', () => {
        for (const line of stubNames.flatMap((name) => stubInstructions(name).map(text)).filter(usesMemory)) {
          assert.match(line, /^(ldr|str)[bh]? [wx]\d+, \[x\d(, #(8|0x10|0x18))?\]$/);
        }
      });
    }

    test('every device access, and nothing else, can be recovered from', () => {
      const recoverable = new Map<number, number>();
      for (let at = code.recoveries; at < code.recoveriesEnd; at += 8) {
        recoverable.set(bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4));
      }
      const accesses = stubNames.flatMap((name) => deviceAccesses(name).map((access) => Number(access.address)));
      assert.deepEqual(new Set(recoverable.keys()), new Set(accesses));
      for (const [from, to] of recoverable) assert.ok(to > from && to < code.handler, `0x${from.toString(16)}`);
    });
  });
}
