// One access: by the public Region, by the bare stub, in C and in Python.
import { existsSync } from 'node:fs';
import { openDevice } from '../../src/vfio/open.js';
import { type RawStubs, accessEngine } from '../../src/vfio/sys/access-engine.js';
import * as libc from '../../src/vfio/sys/libc.js';
import { findCommand } from '../lab/command.js';
import { compiled, figureOf, python, vfiodbg, wallTime } from './programs.js';
import { type Row, ratioAtMost } from './report.js';
import { best, inTurn, median, nanoseconds } from './rounds.js';

const ACCESSES = 200_000;
const ROUNDS = 60;
const MEMORY = 0x10000;
/** Offsets go round in this much, on the device in memory without meaning. */
const MASK = 0xffc;
const SCRATCH = 0x8000;

const figure = (ns: number): string => `${ns.toFixed(1)} ns`;

/** Plain memory behind a mapping, as a device's is. */
function memory(): { fd: number; address: number } {
  const fd = libc.memfd('bench', MEMORY).value;
  const mapped = libc.mmap(MEMORY, libc.PROT_READ | libc.PROT_WRITE, libc.MAP_SHARED, fd, 0);
  if (mapped.errno !== 0) throw new Error(`mmap: ${libc.errnoName(mapped.errno)}`);
  return { fd, address: mapped.value };
}

function stubs(): RawStubs {
  const choice = accessEngine();
  if ('unavailable' in choice) throw new Error(`there are no stubs to compare with: ${choice.unavailable}`);
  return choice.engine.raw;
}

// At the top of the module, where V8 knows them as constants: that is the cheapest call of a stub there is.
const raw = stubs();
const { fd, address } = memory();

export async function run(): Promise<Row[]> {
  using device = await openDevice('sim:sram');
  const region = device.region('region0');
  const inC = [compiled('memory-reference.c'), 'single', '1000000'];
  const contenders = {
    rawRead: each(() => {
      let sum = 0;
      for (let i = 0; i < ACCESSES; i += 1) sum += raw.read32(address + ((i << 2) & MASK));
      return sum;
    }),
    read: each(() => {
      let sum = 0;
      for (let i = 0; i < ACCESSES; i += 1) sum += region.read32((i << 2) & MASK);
      return sum;
    }),
    rawWrite: each(() => {
      for (let i = 0; i < ACCESSES; i += 1) raw.write32(address + ((i << 2) & MASK), i);
    }),
    write: each(() => {
      for (let i = 0; i < ACCESSES; i += 1) region.write32(SCRATCH + ((i << 2) & MASK), i);
    }),
  };
  const ours = await inTurn(ROUNDS, contenders);
  const others = await inTurn(3, {
    inC: () => figureOf(inC, fd),
    unpack: () => figureOf(python('memory-reference.py', 'unpack', '200000'), fd),
    ctypes: () => figureOf(python('memory-reference.py', 'ctypes', '200000'), fd),
  });
  libc.close(fd);

  const read = best(ours.read);
  const beside = (name: string, measured: number, reference: number, most?: number): Row => {
    const ratio = measured / reference;
    const limit = most === undefined ? {} : { limit: ratioAtMost(ratio, most) };
    return { name, measured: figure(measured), reference: figure(reference), ratio, ...limit };
  };
  return [
    beside('Region.read32, beside the bare stub', read, best(ours.rawRead), 3),
    beside('Region.write32, beside the bare stub', best(ours.write), best(ours.rawWrite), 3),
    beside('Region.read32, beside a load in C', read, best(others.inC)),
    beside("Region.read32, beside Python's struct.unpack_from", read, best(others.unpack)),
    beside('Region.read32, beside a ctypes c_uint32 in Python', read, best(others.ctypes)),
    await devmem(),
  ];
}

/** Nanoseconds an access of `body`, which makes ACCESSES. */
function each(body: () => unknown): () => number {
  return () => nanoseconds(body) / ACCESSES;
}

/**
 * One read from the command line. /dev/mem reaches no VFIO device, and a read of the wrong place can hang a machine: the legacy BIOS area
 * of a PC is the one that is safe on each.
 */
async function devmem(): Promise<Row> {
  const name = 'one read from the command line, beside busybox devmem';
  const busybox = findCommand('busybox');
  const without =
    busybox === undefined
      ? 'no busybox'
      : process.arch !== 'x64'
        ? 'no safe address here'
        : existsSync('/dev/mem')
          ? undefined
          : 'no /dev/mem';
  const tool = [process.execPath, vfiodbg, '-c', 'peek region0 0x100', 'sim:sram'];
  if (busybox === undefined || without !== undefined) {
    const alone = await inTurn(5, { tool: () => wallTime(tool) });
    return { name, measured: `${median(alone.tool).toFixed(0)} ms`, reference: without ?? '' };
  }
  const both = await inTurn(5, {
    tool: () => wallTime(tool),
    devmem: () => wallTime([busybox, 'devmem', '0xf0000', '32']),
  });
  const [measured, reference] = [median(both.tool), median(both.devmem)];
  return {
    name,
    measured: `${measured.toFixed(0)} ms`,
    reference: `${reference.toFixed(1)} ms`,
    ratio: measured / reference,
  };
}
