import assert from 'node:assert/strict';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Ledger } from '../../src/vfio/dma/ledger.js';
import type { Mapping } from '../../src/vfio/dma/mapping.js';
import type { Fault } from '../../src/vfio/iommu/fault.js';
import { explainFault } from '../../src/vfio/iommu/fault-text.js';
import { Faults } from '../../src/vfio/iommu/faults.js';
import { LogClock, parseRecord } from '../../src/vfio/iommu/kmsg.js';
import { Journal, monotonicNs } from '../../src/vfio/journal.js';
import { findDevice } from '../../src/vfio/bus/bus-device.js';
import { FakeMachine } from './fake-machine.js';

const EDU = '0000:00:04.0';

function mapping(name: string, iova: bigint, size: number, further: Partial<Mapping> = {}): Mapping {
  return { name, iova, size, prot: 'rw', kind: 'buffer', guard: 0, ...further };
}

function ledgerOf(...mappings: Mapping[]): Ledger<Mapping> {
  const ledger = new Ledger<Mapping>();
  for (const one of mappings) ledger.add(one);
  return ledger;
}

describe('an explanation', () => {
  const ledger = ledgerOf(
    mapping('ring', 0x100000n, 0x10000),
    mapping('text', 0x200000n, 0x1000, { prot: 'r' }),
    mapping('fenced', 0x300000n, 0x3000, { guard: 0x1000 }),
    mapping('sink', 0x400000n, 0x1000, { prot: 'w' }),
  );
  const msi = [{ first: 0xfee00000n, last: 0xfeefffffn, kind: 'msi' }] as const;

  function explain(address: bigint, access?: Fault['access'], granularity = 1): string | undefined {
    const rest = { source: 'smmuv3', code: '', reason: '', cause: 'either', lines: [] } as const;
    return explainFault({ ...rest, address, granularity, ...(access && { access }) }, ledger, msi);
  }

  test('past the end, before the start, between', () => {
    assert.equal(
      explain(0x111000n),
      '0x111000 is 0x1000 past the end of ring (0x100000..0x110000) and 0xef000 before text (0x200000..0x201000)',
    );
    assert.equal(explain(0x500000n), '0x500000 is 0xff000 past the end of sink (0x400000..0x401000)');
    assert.equal(
      explainFault(
        { source: 'vt-d', code: '', reason: '', cause: 'either', lines: [], granularity: 4096, address: 0n },
        ledgerOf(),
        [],
      ),
      'nothing is mapped',
    );
  });

  test('not for this access', () => {
    assert.equal(explain(0x200040n, 'write'), 'write to text+0x40, which is mapped for reading only');
    assert.equal(explain(0x200000n, 'write', 4096), 'write to the page at text+0x0, which is mapped for reading only');
    assert.equal(explain(0x400008n, 'read'), 'read of sink+0x8, which is mapped for writing only');
  });

  test('in a guard, in a window of interrupts, in something that was mapped since', () => {
    assert.match(explain(0x300010n, 'write') ?? '', /^0x300010 is the guard in front of fenced, mapped rw now/);
    assert.match(
      explain(0x302010n, 'write') ?? '',
      /^0x302010 is the guard behind fenced, 0x10 past its end, mapped rw now/,
    );
    assert.equal(
      explain(0xfee00010n, 'read'),
      '0xfee00010 is in the window of message-signalled interrupts (0xfee00000..0xfef00000)',
    );
    const broken = { source: 'vt-d', code: '', reason: '', cause: 'configuration', lines: [], granularity: 1 } as const;
    assert.match(
      explainFault({ ...broken, address: 0x100040n }, ledger, msi) ?? '',
      /it is not the mapping that was missing$/,
    );
    assert.match(explain(0x100040n, 'read') ?? '', /ring\+0x40, mapped rw now: it was not when the device got there/);
  });
});

describe('a record of the log', () => {
  test('has a number, a time and a text', () => {
    const record =
      '3,1234,26910687,-,caller=T12;DMAR: [DMA Write] Request device\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:04.0\n';
    assert.deepEqual(parseRecord(record), {
      sequence: 1234n,
      microseconds: 26910687,
      text: 'DMAR: [DMA Write] Request device',
    });
    assert.equal(parseRecord('6,1,2,-;two\\x0alines')?.text, 'two\nlines');
    for (const wrong of ['', 'text', '6,x,1,-;a', '6,1;a']) assert.equal(parseRecord(wrong), undefined, wrong);
  });

  test('its clock is placed so that nothing is behind its own arrival', () => {
    const clock = new LogClock();
    assert.equal(clock.toMonotonic(5), 5000);
    clock.observe(1_000_000, 1_000_000_000 + 70_000_000);
    clock.observe(2_000_000, 2_000_000_000 + 50_000_000);
    clock.observe(3_000_000, 3_000_000_000 + 60_000_000);
    assert.equal(clock.toMonotonic(4_000_000), 4_050_000_000);
  });
});

/** A machine with a stand-in for /dev/kmsg: a file to which one record at a time is appended. */
function watched(t: TestContext, ...mappings: Mapping[]) {
  const machine = new FakeMachine()
    .device({ name: EDU, driver: 'vfio-pci', group: '4' })
    .device({ name: '0000:00:04.1', group: '4' });
  t.after(() => machine.remove());
  const file = join(machine.roots.dev, 'kmsg');
  writeFileSync(file, '');
  const journal = new Journal();
  const device = findDevice(EDU, machine.roots);
  const faults = new Faults({
    name: EDU,
    journal,
    roots: machine.roots,
    identity: () => ({ device, neighbours: ['0000:00:04.1'] }),
    mappings: () => ledgerOf(...mappings),
    reserved: () => [],
  });
  t.after(() => faults.close());
  let sequence = 0;
  const log = (text: string, microseconds = Math.floor(monotonicNs() / 1000)): void => {
    appendFileSync(file, `3,${sequence++},${microseconds},-;${text}\n`);
    faults.read();
  };
  return { machine, file, journal, faults, log };
}

const fault = (device: string, address: string): string =>
  `DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr ${address} [fault reason 0x05] PTE Write access is not set`;

describe('the faults of a device', () => {
  test('what was in the log before is history; what comes is told, explained and in the journal', (t) => {
    const { faults, journal, log } = watched(t, mapping('ring', 0x100000n, 0x10000));
    const told: string[] = [];
    faults.onReport((text) => told.push(text));
    log(fault('00:04.0', '0x5000'), 1000);
    assert.deepEqual([told.length, faults.seen.length, faults.seen[0]?.live], [0, 1, false]);
    log(fault('00:04.0', '0x110000'));
    const line =
      'DMA fault: write to 0x110000 by 0000:00:04.0: PTE Write access is not set (fault reason 0x05): 0x110000 is just past the end of ring (0x100000..0x110000)';
    assert.deepEqual(told, [line]);
    const noted = [...journal.entries()].filter(({ kind }) => kind === 'dma-fault');
    assert.deepEqual(
      noted.map((entry) => 'text' in entry && entry.text),
      [line],
    );
    assert.equal(faults.take()?.fault.address, 0x110000n);
    assert.equal(faults.take(), undefined);
  });

  test("other devices' faults are kept, and told to nobody; those of its group are", (t) => {
    const { faults, journal, log } = watched(t);
    const told: string[] = [];
    faults.onReport((text) => told.push(text));
    faults.read();
    log(fault('00:05.0', '0x1000'));
    log(fault('00:04.1', '0x2000'));
    assert.deepEqual(
      faults.seen.map(({ owner }) => owner),
      ['other', 'group'],
    );
    assert.match(
      told.join('\n'),
      /^DMA fault: write to 0x2000 by 00:04.1 of the same IOMMU group: [^\n]*nothing is mapped$/,
    );
    assert.equal([...journal.entries()].length, 1);
  });

  test('an SMMU tells a stream ID, and without a tree nobody knows whose it is', (t) => {
    const { faults, log } = watched(t);
    const told: string[] = [];
    faults.onReport((text) => told.push(text));
    faults.read();
    const smmu = 'arm-smmu-v3 arm-smmu-v3.0.auto';
    log(`${smmu}: event 0x10 received:`);
    for (const word of ['0x0000002000000010', '0x0000020000000000', '0x0000000000011000', '0x0000000000000000'])
      log(`${smmu}: \t${word}`);
    assert.match(
      told.join('\n'),
      /^DMA fault: write to 0x11000 by stream ID 0x20 \(whose it is, is not told\): the address is not mapped/,
    );
  });

  test('an address that was unmapped just before is told as that', (t) => {
    const { faults, journal, log } = watched(t);
    faults.read();
    journal.note('dma', 'map ring', { name: 'ring', iova: 0x100000n, size: 0x10000, prot: 'rw' });
    journal.note('dma', 'unmap ring', { name: 'ring', iova: 0x100000n, size: 0x10000 });
    log(fault('00:04.0', '0x108000'));
    assert.match(faults.seen[0]?.explanation ?? '', /^0x108000 was ring\+0x8000, which was unmapped \d+ us before$/);
  });

  test('lines that the kernel left out are counted from when they are watched', (t) => {
    const { faults, log } = watched(t);
    log('dmar_fault: 9 callbacks suppressed');
    log('dmar_fault: 4 callbacks suppressed');
    assert.equal(faults.suppressed, 4);
  });

  test('why the log cannot be read is reported once, and answered each time', (t) => {
    const { faults, file } = watched(t);
    rmSync(file);
    const told: string[] = [];
    faults.onReport((text) => told.push(text));
    assert.equal(faults.watch()?.kind, 'absent');
    assert.equal(faults.watch()?.kind, 'absent');
    assert.equal(faults.read()?.kind, 'absent');
    assert.deepEqual(told, [
      'DMA faults stay unseen: ENOENT: there is no /dev/kmsg here; in a container, hand it through',
    ]);
  });

  test('a stand-in for the log that cannot be watched is said to be one', (t) => {
    const { faults } = watched(t);
    assert.match(faults.watch()?.why ?? '', /not the log of the kernel/);
  });
});
