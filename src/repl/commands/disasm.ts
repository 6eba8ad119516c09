import { type Architecture, architectures, disassemble } from '../../vfio/disassembler.js';
import { bytesOf } from '../../vfio/width.js';
import type { View } from '../../views/view.js';
import { bytesIn, optional, span, text, toggle } from '../arguments.js';
import { force, readCells, reasonOf, runsRead } from '../cells.js';
import { defineCommand } from '../command.js';
import { UsageError } from '../usage-error.js';

/** What is disassembled where no count or range is given. */
const DEFAULT_BYTES = 64;

/** This machine's processor: what a device in it is likely to run, if nothing better is known. */
const hostArchitectures: Readonly<Record<string, Architecture>> = {
  x64: 'x86-64',
  ia32: 'x86-32',
  arm64: 'arm64',
  arm: 'arm',
  riscv64: 'riscv64',
  ppc64: 'ppc64le',
};

/** 'x86-64' as it is, and a family with a mode: x86 and 32, arm and thumb. */
function architectureOf(arch: string | undefined, mode: string | undefined): Architecture {
  const host = hostArchitectures[process.arch] ?? 'x86-64';
  if (arch === undefined && mode === undefined) return host;
  const family = arch ?? host.replace(/-?(16|32|64)$/, '');
  const names =
    mode === undefined
      ? [family, `${family}-64`]
      : [`${family}-${mode}`, `${family}${mode}`, ...(mode.startsWith(family) || family === 'arm' ? [mode] : [])];
  const found = architectures.find((name) => names.includes(name));
  if (found) return found;
  const asked = [arch, mode].filter((word) => word !== undefined).join(' ');
  throw new UsageError(
    `there is no architecture "${asked}"`,
    undefined,
    `--arch is one of ${architectures.join(', ')}; or a family with --mode: --arch x86 --mode 32`,
  );
}

export const commands = [
  defineCommand({
    name: 'disasm',
    group: 'access',
    summary: 'show a piece of a space as instructions',
    details:
      "Reads the piece by accesses of the width (32 bits unless asked otherwise), each once. The processor is the one that the device's profile names, else this machine's, unless --arch says otherwise: " +
      `${architectures.join(', ')}. x86 and Arm come with the tool; the others need the optional package @alexaltea/capstone-js.`,
    arguments: { piece: span('what to disassemble') },
    flags: {
      arch: optional(text('the processor, such as arm64 or x86', 'ARCH')),
      mode: optional(text('its mode, where --arch names a family: 16, 32, 64, thumb', 'MODE')),
      allowSplit: toggle('let the kernel or the server split an access that the path cannot make in one go'),
      force,
    },
    effect: 'read',
    needs: 'device',
    looks: true,
    width: true,
    examples: [
      { line: 'disasm region0 0x100 64B --arch arm64', says: 'sixteen AArch64 instructions', device: 'sim:sram' },
    ],
    async run(context, { arguments: { piece }, flags }): Promise<View> {
      const isSaid = flags.arch !== undefined || flags.mode !== undefined;
      const arch = architectureOf(isSaid ? flags.arch : context.device.profile?.architecture, flags.mode);
      const { space, offset, width } = piece;
      const step = bytesOf(width);
      const bytes = piece.count === undefined ? Math.min(DEFAULT_BYTES, space.size - offset) : bytesIn(piece);
      const shape = { offset, width, count: Math.max(1, Math.floor(bytes / step)), stride: step };
      const read = await readCells(context, space, shape, flags);
      const [run] = runsRead(read, shape.count);
      const cells = run?.from === 0 ? run.until : 0;
      const whole = read.bytes.subarray(0, cells * step);
      const instructions = await disassemble(whole, { address: BigInt(offset), arch, signal: context.signal });
      const view: View = { kind: 'disassembly', space: space.name, architecture: arch, instructions };
      if (cells === shape.count) return view;
      const fault = read.faults.find(({ index }) => index === cells);
      const why =
        fault === undefined
          ? `is not read: ${read.skipped.find(({ index }) => index === cells)?.reason ?? ''}; --force reads it`
          : `could not be read: ${reasonOf(fault.error)}`;
      const end = `${space.name}+0x${(offset + cells * step).toString(16)}`;
      return { kind: 'all', views: [view, { kind: 'text', lines: [`${end} ${why}`] }] };
    },
  }),
];
