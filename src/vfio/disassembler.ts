import { VfioError } from './errors.js';

/** One instruction, or data that is none: `mnemonic` is then '.byte'. `bytes` are in memory order. */
export interface Instruction {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly operands: string;
}

interface Target {
  readonly engine: 'capstone-wasm' | '@alexaltea/capstone-js';
  /** Capstone's names, without the CS_ that one of the two packages puts in front. */
  readonly arch: string;
  readonly modes: readonly string[];
  /** Bytes of the shortest instruction: what is shorter is data. */
  readonly shortest: 1 | 2 | 4;
}

const small = 'capstone-wasm';
const full = '@alexaltea/capstone-js';

const targets = {
  'x86-64': { engine: small, arch: 'ARCH_X86', modes: ['MODE_64'], shortest: 1 },
  'x86-32': { engine: small, arch: 'ARCH_X86', modes: ['MODE_32'], shortest: 1 },
  'x86-16': { engine: small, arch: 'ARCH_X86', modes: ['MODE_16'], shortest: 1 },
  arm: { engine: small, arch: 'ARCH_ARM', modes: ['MODE_ARM'], shortest: 4 },
  thumb: { engine: small, arch: 'ARCH_ARM', modes: ['MODE_THUMB'], shortest: 2 },
  'thumb-m': { engine: small, arch: 'ARCH_ARM', modes: ['MODE_THUMB', 'MODE_MCLASS'], shortest: 2 },
  arm64: { engine: small, arch: 'ARCH_ARM64', modes: ['MODE_ARM'], shortest: 4 },
  riscv32: { engine: full, arch: 'ARCH_RISCV', modes: ['MODE_RISCV32', 'MODE_RISCVC'], shortest: 2 },
  riscv64: { engine: full, arch: 'ARCH_RISCV', modes: ['MODE_RISCV64', 'MODE_RISCVC'], shortest: 2 },
  mips32: { engine: full, arch: 'ARCH_MIPS', modes: ['MODE_MIPS32', 'MODE_BIG_ENDIAN'], shortest: 4 },
  mips32el: { engine: full, arch: 'ARCH_MIPS', modes: ['MODE_MIPS32'], shortest: 4 },
  mips64: { engine: full, arch: 'ARCH_MIPS', modes: ['MODE_MIPS64', 'MODE_BIG_ENDIAN'], shortest: 4 },
  mips64el: { engine: full, arch: 'ARCH_MIPS', modes: ['MODE_MIPS64'], shortest: 4 },
  ppc32: { engine: full, arch: 'ARCH_PPC', modes: ['MODE_32', 'MODE_BIG_ENDIAN'], shortest: 4 },
  ppc64: { engine: full, arch: 'ARCH_PPC', modes: ['MODE_64', 'MODE_BIG_ENDIAN'], shortest: 4 },
  ppc64le: { engine: full, arch: 'ARCH_PPC', modes: ['MODE_64'], shortest: 4 },
} as const satisfies Record<string, Target>;

export type Architecture = keyof typeof targets;

/** Every architecture that `disassemble` knows, Arm and x86 first: the others need an optional package. */
export const architectures = Object.keys(targets).filter((name): name is Architecture => name in targets);

export interface DisassembleOptions {
  /** Where the first byte lies, for the addresses shown and for the targets of relative branches; counted modulo 2^64. */
  readonly address: bigint;
  readonly arch: Architecture;
  readonly signal?: AbortSignal;
}

/** Bytes given to Capstone at once: its WebAssembly build runs out of memory, for good, on 24 KiB of short instructions. */
const chunkSize = 4096;
/** No instruction of any of the architectures is longer (x86: 15), so one that begins this far from a chunk's end is whole. */
const longest = 16;

/**
 * The instructions in `bytes`, which are read in order and without gaps: what Capstone does not know comes as '.byte'.
 * Yields to the event loop now and then and obeys `signal`. Throws a VfioError of kind 'absent' where the package for
 * the architecture is not installed.
 */
export async function disassemble(bytes: Uint8Array, options: DisassembleOptions): Promise<Instruction[]> {
  const { address, arch, signal } = options;
  const decode = await decoderFor(arch);
  const { shortest } = targets[arch];
  const instructions: Instruction[] = [];
  const take = (offset: number, size: number, mnemonic: string, operands: string): void => {
    instructions.push({
      address: BigInt.asUintN(64, address + BigInt(offset)),
      bytes: bytes.slice(offset, offset + size),
      mnemonic,
      operands,
    });
  };
  let offset = 0;
  while (bytes.length - offset >= shortest) {
    signal?.throwIfAborted();
    const chunk = bytes.slice(offset, offset + chunkSize);
    const last = offset + chunk.length === bytes.length;
    const decoded = decode(chunk, BigInt.asUintN(64, address + BigInt(offset)));
    for (const { size, mnemonic, operands } of last ? decoded : wholeOnes(decoded)) {
      take(offset, size, mnemonic, operands);
      offset += size;
    }
    if (last) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (offset < bytes.length) {
    const rest = Array.from(bytes.subarray(offset), (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
    take(offset, rest.length, '.byte', rest.join(', '));
  }
  return instructions;
}

interface Decoded {
  readonly size: number;
  readonly mnemonic: string;
  readonly operands: string;
}

/** A chunk's instructions that the chunk's end cannot have changed. The others are decoded again with what follows. */
function wholeOnes(decoded: readonly Decoded[]): readonly Decoded[] {
  let begin = 0;
  let count = 0;
  while (count < decoded.length && begin <= chunkSize - longest) begin += decoded[count++]?.size ?? 0;
  // A Thumb IT makes up to four that follow conditional, which is forgotten between two calls: they stay together.
  for (let back = 1; back <= 4; back++) {
    if (/^it[te]{0,3}$/.test(decoded[count - back]?.mnemonic ?? '')) return decoded.slice(0, count - back);
  }
  return decoded.slice(0, count);
}

type Decoder = (bytes: Uint8Array, address: bigint) => Decoded[];

const decoders = new Map<Architecture, Promise<Decoder>>();

function decoderFor(arch: Architecture): Promise<Decoder> {
  let decoder = decoders.get(arch);
  if (decoder === undefined) {
    decoder = targets[arch].engine === small ? openSmall(targets[arch]) : openFull(targets[arch], arch);
    decoders.set(arch, decoder);
    // A package can be installed while the session goes on: a failure is not kept.
    decoder.catch(() => decoders.delete(arch));
  }
  return decoder;
}

/** CS_OPT_SKIPDATA and CS_OPT_ON of capstone.h: data becomes '.byte' where the decoder would else stop. */
const optSkipData = 5;
const optOn = 3;

/** The parts of capstone-wasm that are used; its package keeps its type declarations to itself. */
interface SmallEngine {
  readonly loadCapstone: () => Promise<void>;
  readonly Const: Readonly<Record<string, number>>;
  readonly Capstone: new (
    arch: number,
    mode: number,
  ) => {
    setOption(option: number, value: number): number;
    disasm(
      bytes: Uint8Array,
      options: { address: bigint },
    ): { readonly size: number; readonly mnemonic: string; readonly opStr: string }[];
  };
}

async function openSmall(target: Target): Promise<Decoder> {
  const engine: SmallEngine = await import(target.engine);
  await engine.loadCapstone();
  const [arch, mode] = numbers(target, (name) => engine.Const[`CS_${name}`]);
  const capstone = new engine.Capstone(arch, mode);
  capstone.setOption(optSkipData, optOn);
  return (bytes, address) =>
    capstone.disasm(bytes, { address }).map(({ size, mnemonic, opStr }) => ({ size, mnemonic, operands: opStr }));
}

/** The parts of @alexaltea/capstone-js that are used; it has no type declarations. */
interface FullEngine {
  readonly [constant: string]: unknown;
  readonly Capstone: new (
    arch: number,
    mode: number,
  ) => {
    option(option: number, value: number): void;
    disasm(
      bytes: Uint8Array,
      address: bigint,
    ): { readonly size: number; readonly mnemonic: string; readonly op_str: string }[];
  };
}

async function openFull(target: Target, name: Architecture): Promise<Decoder> {
  let factory: { readonly default: () => Promise<FullEngine> };
  try {
    factory = await import(target.engine);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new VfioError(
      {
        kind: 'absent',
        operation: `disassemble ${name} code`,
        why: `the optional package ${target.engine} is not installed`,
        hint: `npm install ${target.engine}`,
      },
      { cause: error },
    );
  }
  const engine = await factory.default();
  const [arch, mode] = numbers(target, (constant) => engine[constant]);
  const capstone = new engine.Capstone(arch, mode);
  capstone.option(optSkipData, optOn);
  return (bytes, address) =>
    capstone.disasm(bytes, address).map(({ size, mnemonic, op_str }) => ({ size, mnemonic, operands: op_str }));
}

function numbers(target: Target, constant: (name: string) => unknown): [arch: number, mode: number] {
  const [arch = 0, ...modes] = [target.arch, ...target.modes].map((name) => {
    const value = constant(name);
    if (typeof value !== 'number') throw new TypeError(`${target.engine} has no ${name}`);
    return value;
  });
  // Bit 31 is big-endian, so the sum is kept signed as the packages' own constants are.
  return [arch, modes.reduce((mode, bit) => mode | bit, 0)];
}
