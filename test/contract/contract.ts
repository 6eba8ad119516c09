import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import type { DeviceOptions } from '../../src/vfio/device.js';
import type { Region } from '../../src/vfio/region.js';

/** What the suite needs to know of a device to hold any transport to its contract. */
export interface ContractSubject {
  readonly name: string;
  open(options?: DeviceOptions): Promise<Device>;
  /** A place whose value is known, read at 32 bits without effect. */
  readonly identity: { readonly region: string; readonly offset: number; readonly value: number };
  /** A place where a written word shows in what is read back; absent for what cannot be written. */
  readonly scratch?: { readonly region: string; readonly offset: number; readonly shows: (written: number) => number };
  /** Words that may be read in a block, again and again, without effect and always the same. */
  readonly block: { readonly region: string; readonly offset: number; readonly count: number };
  /** Set where a PCI command register can switch the memory decode of `identity` off. */
  readonly decode?: boolean;
}

function refusal(kind: VfioError['kind'], body: () => unknown): VfioError {
  let caught: unknown;
  try {
    body();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof VfioError, `a VfioError, not ${String(caught)}`);
  assert.equal(caught.kind, kind, caught.message);
  return caught;
}

function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

function deviceMappings(): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => /\[vfio-device\]|\/dev\/vfio/.test(line)).length;
}

/** The promises that every way in keeps, as tests of its own describe block. */
export function contract(subject: ContractSubject): void {
  const withDevice = (body: (device: Device) => unknown, options?: DeviceOptions) => async () => {
    const device = await subject.open(options);
    try {
      await body(device);
    } finally {
      device.close();
    }
  };
  const { identity } = subject;
  const place = (device: Device): Region => device.region(identity.region);

  describe(`contract: ${subject.name}`, () => {
    test(
      'attaching is inert: nothing accessed, nothing mapped, bus mastering as it was',
      withDevice((device) => {
        assert.equal([...device.journal.entries()].filter((entry) => entry.kind !== 'open').length, 0);
        assert.equal(deviceMappings(), 0);
        if (device.config) assert.equal(device.config.read16(4) & 4, 0, 'bus mastering is off');
      }),
    );

    test(
      'what VFIO says of regions and interrupts is there',
      withDevice((device) => {
        assert.ok(device.regions.length > 0);
        assert.equal(device.irqInfos.length, device.info.irqCount);
        for (const region of device.regions) {
          assert.ok(region.size > 0);
          assert.equal(device.region(region.name), region);
          assert.equal(device.region(region.index), region);
          const windows = region.windows;
          assert.equal(windows[0]?.start, 0);
          assert.equal(windows.at(-1)?.end, region.size);
          for (const window of windows) assert.ok(window.why.length > 0);
        }
        const error = refusal('absent', () => device.region('region99'));
        assert.match(error.details.hint ?? '', new RegExp(identity.region));
      }),
    );

    test(
      'a known place reads its known value, and the journal holds that one access',
      withDevice((device) => {
        assert.equal(place(device).read32(identity.offset), identity.value);
        const [entry, ...others] = [...device.journal.entries()].filter((one) => one.kind !== 'open');
        assert.ok(entry?.kind === 'read' && others.length === 0);
        assert.deepEqual(
          [entry.space, entry.offset, entry.width, entry.value],
          [identity.region, identity.offset, 32, identity.value],
        );
      }),
    );

    test(
      'without mapping the same value comes by the other path',
      withDevice(
        (device) => {
          assert.ok(device.regions.every((region) => region.windows.every((window) => window.path !== 'mapped')));
          assert.equal(place(device).read32(identity.offset), identity.value);
        },
        { mmap: false },
      ),
    );

    test(
      'a block is the same as its single reads',
      withDevice((device) => {
        const region = device.region(subject.block.region);
        const { bytes, faults } = region.readBlock({ ...subject.block, width: 32 });
        assert.deepEqual(faults, []);
        const words = new DataView(bytes.buffer, bytes.byteOffset);
        for (let index = 0; index < subject.block.count; index += 1) {
          assert.equal(words.getUint32(index * 4, true), region.read32(subject.block.offset + index * 4));
        }
      }),
    );

    test(
      'what is out of bounds, unaligned, too wide or no number reaches nothing',
      withDevice((device) => {
        const region = place(device);
        refusal('access', () => region.read32(region.size));
        refusal('access', () => region.read32(region.size - 2));
        refusal('access', () => region.read32(-4));
        refusal('access', () => region.read32(2));
        refusal('access', () => region.read64(4));
        refusal('access', () => region.read32(Number.NaN));
        refusal('access', () => region.read8(0.5));
        refusal('access', () => region.read32(Infinity));
        refusal('access', () => region.readBlock({ offset: 0, width: 32, count: 0 }));
        refusal('access', () => region.readBlock({ offset: 0, width: 32, count: 1e12 }));
        refusal('access', () => region.readBlock({ offset: 0, width: 32, count: 2, stride: 3 }));
        if (region.writable) {
          refusal('access', () => region.write8(0, 0x100));
          refusal('access', () => region.write32(0, -1));
          refusal('access', () => region.write32(0, 2 ** 32));
          refusal('access', () => region.write64(0, 1n << 64n));
          refusal('access', () => region.write32(0, Number.NaN));
        }
        assert.deepEqual(
          [...device.journal.entries()].map((entry) => entry.kind),
          ['open'],
        );
      }),
    );

    test(
      'read-only refuses writes and reset before they reach the device; reads go on',
      withDevice(
        (device) => {
          const region = place(device);
          if (region.writable) refusal('readonly', () => region.write32(identity.offset, 0));
          if (device.info.resettable) refusal('readonly', () => device.reset());
          assert.equal(region.read32(identity.offset), identity.value);
        },
        { readOnly: true },
      ),
    );

    test(
      'a dry run says what it would do and does nothing',
      withDevice(async (device) => {
        const plan = await device.gate.dryRun(() => {
          place(device).read32(identity.offset);
          if (place(device).writable) place(device).write32(identity.offset, 1);
        });
        assert.equal(plan.length, place(device).writable ? 2 : 1);
        assert.match(plan[0]?.text ?? '', /^read .*\(32 bits\)$/);
        assert.deepEqual(
          [...device.journal.entries()].map((entry) => entry.kind),
          ['open'],
        );
      }),
    );

    const { scratch } = subject;
    if (scratch) {
      for (const mmap of [true, false]) {
        test(
          `a write shows in what is read back (${mmap ? 'as the windows say' : 'without mapping'})`,
          withDevice(
            (device) => {
              const region = device.region(scratch.region);
              for (const value of [0x12345678, 0, 0xffffffff, 0xdeadbeef]) {
                region.write32(scratch.offset, value);
                assert.equal(region.read32(scratch.offset), scratch.shows(value));
              }
            },
            { mmap },
          ),
        );
      }
    }

    if (subject.decode) {
      for (const mmap of [true, false]) {
        test(
          `memory decode off is a fault with its reason, and the session goes on (${mmap ? 'as the windows say' : 'without mapping'})`,
          withDevice(
            (device) => {
              const region = place(device);
              const config = device.config;
              assert.ok(config);
              assert.equal(region.read32(identity.offset), identity.value);
              const command = config.read16(4);
              config.write16(4, command & ~2);
              const error = refusal('access', () => region.read32(identity.offset));
              assert.match(error.details.why, /memory decode is off/);
              assert.ok(error.details.errno);
              const block = region.readBlock({ offset: identity.offset, width: 32, count: 4 });
              assert.deepEqual(
                block.faults.map(({ index, count }) => [index, count]),
                [[0, 4]],
              );
              config.write16(4, command | 2);
              assert.equal(region.read32(identity.offset), identity.value);
            },
            { mmap },
          ),
        );
      }
    }

    test('opening and closing again and again leaks no descriptor, and a closed device says so', async () => {
      (await subject.open()).close();
      const before = openFds();
      for (let round = 0; round < 10; round += 1) {
        const device = await subject.open();
        assert.equal(place(device).read32(identity.offset), identity.value);
        device.close();
        device.close();
        const error = refusal('lost', () => place(device).read32(identity.offset));
        assert.match(error.details.why, /closed/);
      }
      assert.equal(deviceMappings(), 0);
      // The other side of a simulated device closes its own in its own time.
      for (let tries = 0; tries < 5000 && openFds() > before; tries += 1) await setTimeout(10);
      assert.ok(openFds() <= before, `${openFds()} descriptors, ${before} before`);
    });

    test(
      'reset works where VFIO offers it and is refused where it does not',
      withDevice((device) => {
        if (device.info.resettable) {
          device.reset();
          assert.equal([...device.journal.entries()].at(-1)?.kind, 'reset');
        } else refusal('unsupported', () => device.reset());
      }),
    );
  });
}
