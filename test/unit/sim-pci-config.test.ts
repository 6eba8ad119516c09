import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel as createEdu } from '../../src/vfio/sim/edu.js';
import type { AccessSize, PciConfiguration } from '../../src/vfio/sim/model.js';
import { createModel as createSram } from '../../src/vfio/sim/sram.js';
import { FakeHost } from './sim-host.js';

function configOf(model: { readonly config?: PciConfiguration }): PciConfiguration {
  assert.ok(model.config);
  return model.config;
}

const edu = (): PciConfiguration => configOf(createEdu(new FakeHost()));
const sram = (): PciConfiguration => configOf(createSram(new FakeHost()));

function bytes(config: PciConfiguration, from: number, to: number): string {
  return Buffer.from(Array.from({ length: to - from }, (_, i) => Number(config.read(from + i, 1)))).toString('hex');
}

/** Writes all ones and tells what is read then. */
function ones(config: PciConfiguration, offset: number, size: AccessSize): bigint {
  config.write(offset, size, 0xffffffffn);
  return config.read(offset, size);
}

// What pread of region 7 gave for QEMU 7.2's edu behind vfio-pci on Linux 6.12.
test('edu: the bytes of the real one', () => {
  const config = edu();
  assert.equal(config.size, 256);
  assert.equal(
    bytes(config, 0, 0x50),
    '3412e81103011000' +
      '1000ff0000000000' +
      '0000a0fe'.padEnd(48, '0') +
      '00000000f41a0011' +
      '0000000040000000000000000b010000' +
      '05008000'.padEnd(32, '0'),
  );
  assert.equal(bytes(config, 0x50, 0x100), '00'.repeat(0xb0));
});

test('edu: writing ones shows what can be written, as the real one behind vfio-pci', () => {
  const config = edu();
  assert.equal(ones(config, 0x00, 4), 0x11e81234n);
  assert.equal(ones(config, 0x08, 4), 0x00ff0010n);
  assert.equal(ones(config, 0x0c, 4), 0x000000ffn);
  assert.equal(ones(config, 0x10, 4), 0xfff00000n);
  for (const offset of [0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x30]) assert.equal(ones(config, offset, 4), 0n);
  assert.equal(ones(config, 0x2c, 4), 0x11001af4n);
  assert.equal(ones(config, 0x34, 4), 0x40n);
  assert.equal(ones(config, 0x3c, 4), 0x000001ffn);
  assert.equal(ones(config, 0x04, 2), 0x0507n);
  assert.equal(ones(config, 0x06, 2), 0x0010n);
  assert.equal(ones(config, 0x40, 2), 0x0005n);
  assert.equal(ones(config, 0x42, 2), 0x008en);
  assert.equal(ones(config, 0x44, 4), 0xffffffffn);
  assert.equal(ones(config, 0x60, 4), 0xffffffffn);
});

test('a BAR takes a new address and keeps its low bits', () => {
  const config = sram();
  config.write(0x10, 4, 0xe1234567n);
  assert.equal(config.read(0x10, 4), 0xe1230008n);
  assert.equal(ones(config, 0x18, 4), 0xffffc000n);
});

test('the command register decides over memory, bus mastering and INTx, and tells each change', () => {
  const config = edu();
  let changes = 0;
  config.onCommand(() => {
    changes += 1;
  });
  assert.deepEqual(config.command, { memoryDecode: true, busMaster: false, intxDisabled: false });
  config.write(0x04, 2, 0x0404n);
  assert.deepEqual(config.command, { memoryDecode: false, busMaster: true, intxDisabled: true });
  config.write(0x05, 1, 0n);
  assert.deepEqual(config.command, { memoryDecode: false, busMaster: true, intxDisabled: false });
  config.write(0x06, 2, 0n);
  assert.equal(changes, 2);
});

test('status shows the INTx line', () => {
  const config = edu();
  config.setInterruptStatus(true);
  assert.equal(config.read(0x06, 2), 0x0018n);
  config.setInterruptStatus(false);
  assert.equal(config.read(0x06, 2), 0x0010n);
});

test('MSI: enabling is not the client’s to do by config, the enable bit stays hidden', () => {
  const config = edu();
  config.setEnabled('msi', true);
  assert.equal(config.read(0x42, 2), 0x0080n);
  config.write(0x42, 2, 0x0001n);
  assert.equal(Number(config.read(0x42, 2)) & 1, 1);
});

test('sram: every capability is on its list, extended ones as well', () => {
  const config = sram();
  assert.equal(config.size, 4096);
  const ids: number[] = [];
  for (let at = Number(config.read(0x34, 1)); at !== 0; at = Number(config.read(at + 1, 1)))
    ids.push(Number(config.read(at, 1)));
  assert.deepEqual(ids, [0x01, 0x05, 0x11, 0x10]);
  const extended: number[] = [];
  for (let at = 0x100; at !== 0;) {
    const header = Number(config.read(at, 4));
    extended.push(header & 0xffff);
    at = header >>> 20;
  }
  assert.deepEqual(extended, [0x0001, 0x0003]);
});

test('sram: MSI-X has 32 vectors with table and pending bits in region2, and shows that it is enabled', () => {
  const config = sram();
  const at = 0x68;
  assert.equal(config.read(at + 2, 2), 31n);
  assert.equal(config.read(at + 4, 4), 0x1002n);
  assert.equal(config.read(at + 8, 4), 0x1802n);
  config.setEnabled('msix', true);
  assert.equal(config.read(at + 2, 2), 0x801fn);
  config.setEnabled('msix', false);
  assert.equal(config.read(at + 2, 2), 31n);
});
