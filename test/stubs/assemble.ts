/**
 * Assembles src/vfio/sys/stubs/*.s with keystone and writes the bytes beside them (`npm run stubs`).
 * A test does the same and compares, so the checked-in bytes are always those of the sources.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Const, Keystone, loadKeystone } from 'keystone-wasm';
import type { MachineCode, Processor, StubKind, StubName } from '../../src/vfio/sys/stubs/machine-code.js';
import { widths } from '../../src/vfio/width.js';

export const processors: readonly Processor[] = ['x86_64', 'aarch64'];

/** The kinds of stubs; each exists at every width. */
export const kinds: readonly StubKind[] = [
  'read',
  'write',
  'readBlock',
  'writeBlock',
  'readArray',
  'writeArray',
  'poll',
];

export const stubNames: readonly StubName[] = kinds.flatMap((kind) =>
  widths.map((width): StubName => `${kind}${width}`),
);

const marks = ['handler', 'recoveries', 'recoveriesEnd', 'previous'] as const;

/** The assembly source of one processor's stubs. */
export function sourceOf(processor: Processor): string {
  return path.join(projectRoot(), 'src/vfio/sys/stubs', `${processor}.s`);
}

/** Assembles one source; throws what keystone says. */
export async function assemble(processor: Processor): Promise<MachineCode> {
  await loadKeystone();
  const source = readFileSync(sourceOf(processor), 'utf8');
  const keystone =
    processor === 'x86_64'
      ? new Keystone(Const.KS_ARCH_X86, Const.KS_MODE_64)
      : new Keystone(Const.KS_ARCH_ARM64, Const.KS_MODE_LITTLE_ENDIAN);
  try {
    const code = keystone.asm(source, { address: 0 });
    // keystone gives no symbol table: let it assemble the labels' offsets behind a second copy of the source.
    const labels = [...stubNames, ...marks];
    const trailer = labels.map((label) => `.long ${label}\n`).join('');
    const probed = keystone.asm(`${source}\n${trailer}`, { address: 0 });
    const table = new DataView(probed.buffer, probed.byteOffset + code.length, probed.length - code.length);
    if (table.byteLength !== labels.length * 4) throw new Error(`${processor}.s: a label is missing`);
    const offset = (label: (typeof labels)[number]): number => table.getUint32(labels.indexOf(label) * 4, true);
    const stubs: Partial<Record<StubName, number>> = {};
    for (const name of stubNames) stubs[name] = offset(name);
    if (!isComplete(stubs)) throw new Error(`${processor}.s: a stub is missing`);
    return {
      processor,
      hex: Buffer.from(code).toString('hex'),
      stubs,
      handler: offset('handler'),
      recoveries: offset('recoveries'),
      recoveriesEnd: offset('recoveriesEnd'),
      previous: offset('previous'),
    };
  } finally {
    keystone.close();
  }
}

function isComplete(stubs: Partial<Record<StubName, number>>): stubs is Record<StubName, number> {
  return stubNames.every((name) => stubs[name] !== undefined);
}

/** The TypeScript file that holds `code`. */
function moduleOf(code: MachineCode): string {
  const lines = code.hex.match(/.{1,96}/g) ?? [];
  const stubs = stubNames.map((name) => `    ${name}: 0x${code.stubs[name].toString(16)},`);
  return [
    `// Made from ${code.processor}.s by \`npm run stubs\`. Do not edit: test/unit/stubs.test.ts assembles and compares.`,
    "import type { MachineCode } from './machine-code.js';",
    '',
    `export const ${code.processor}: MachineCode = {`,
    `  processor: '${code.processor}',`,
    '  hex:',
    lines.map((line) => `    '${line}'`).join(' +\n') + ',',
    '  stubs: {',
    ...stubs,
    '  },',
    ...marks.map((mark) => `  ${mark}: 0x${code[mark].toString(16)},`),
    '};',
    '',
  ].join('\n');
}

function projectRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error('no package.json above this file');
    folder = parent;
  }
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const processor of processors) {
    const file = sourceOf(processor).replace(/\.s$/, '.ts');
    const code = await assemble(processor);
    writeFileSync(file, moduleOf(code));
    console.log(`${path.relative(process.cwd(), file)}: ${code.hex.length / 2} bytes`);
  }
}
