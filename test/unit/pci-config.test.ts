import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import * as pci from '../../src/vfio/abi/pci.js';
import { decodePciConfig, type PciConfig } from '../../src/vfio/pci-config.js';
import { pciNames } from '../../src/vfio/pci-ids.js';
import { configView } from '../../src/views/config-view.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import { assertGolden, goldenFolder } from './golden.js';

/** An excerpt in the form of https://pci-ids.ucw.cz. */
const list = `# List
1af4  Red Hat, Inc.
\t1000  Virtio network device
\t1110  Inter-VM shared memory
\t\t1af4 1100  QEMU Virtual Machine
8086  Intel Corporation
\t10d3  82574L Gigabit Network Connection
\t\t103c 1785  NC112i 1-port Ethernet Server Adapter
\t2922  82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]
C 01  Mass storage controller
\t06  SATA controller
\t\t01  AHCI 1.0
\t08  Non-Volatile memory controller
\t\t02  NVM Express
C 02  Network controller
\t00  Ethernet controller
`;

/** The bytes of a space in test/unit/golden; each was decoded by lspci 3.9 as well and the answers were compared. */
function spaceOf(name: string): Buffer {
  const [head = '', ...lines] = readFileSync(join(goldenFolder, `config-${name}.hex`), 'utf8')
    .trimEnd()
    .split('\n');
  const bytes = Buffer.alloc(Number(/, (\d+) bytes/.exec(head)?.[1]));
  for (const line of lines) {
    const [offset = '', digits = ''] = line.split(': ');
    bytes.set(Buffer.from(digits.replaceAll(' ', ''), 'hex'), parseInt(offset, 16));
  }
  return bytes;
}

function show(config: PciConfig): string {
  return plain(configView(config, pciNames(config, list)));
}

for (const name of ['edu', 'e1000e', 'nvme-sriov', 'root-port', 'virtio-net', 'ahci']) {
  test(`the config space of ${name} is decoded as lspci decodes it`, () => {
    assertGolden(`config-${name}.txt`, show(decodePciConfig(spaceOf(name))));
  });
}

test('a screen of 80 columns wraps between flags, and JSON holds numbers', () => {
  const config = decodePciConfig(spaceOf('e1000e'), { barSizes: [0x20000, 0x20000, 0x20, 0x4000, 0, 0] });
  const view = configView(config, pciNames(config, list));
  assertGolden('config-80.txt', plain(view, 80) + json(view));
});

test('the numbers of bridges and of further capabilities are those of linux/pci_regs.h', () => {
  assert.deepEqual([pci.PCI_HEADER_TYPE_MASK, pci.PCI_HEADER_TYPE_MFD], [0x7f, 0x80]);
  assert.deepEqual(
    [pci.PCI_PRIMARY_BUS, pci.PCI_IO_BASE, pci.PCI_SEC_STATUS, pci.PCI_MEMORY_BASE],
    [0x18, 0x1c, 0x1e, 0x20],
  );
  assert.deepEqual(
    [pci.PCI_PREF_MEMORY_BASE, pci.PCI_PREF_BASE_UPPER32, pci.PCI_PREF_LIMIT_UPPER32],
    [0x24, 0x28, 0x2c],
  );
  assert.deepEqual([pci.PCI_IO_BASE_UPPER16, pci.PCI_ROM_ADDRESS1, pci.PCI_BRIDGE_CONTROL], [0x30, 0x38, 0x3e]);
  assert.equal(pci.PCI_CB_CAPABILITY_LIST, 0x14);
  assert.deepEqual(
    [pci.PCI_CAP_ID_VPD, pci.PCI_CAP_ID_VNDR, pci.PCI_CAP_ID_SSVID, pci.PCI_CAP_ID_SATA, pci.PCI_CAP_ID_AF].map(
      (id) => pci.capabilityNames.get(id)?.name,
    ),
    ['VPD', 'VNDR', 'SSVID', 'SATA', 'AF'],
  );
  const extended = Object.entries(pci).filter(([name]) => name.startsWith('PCI_EXT_CAP_ID_'));
  assert.equal(extended.length, 13);
  for (const [name, id] of extended) {
    assert.equal(pci.extendedCapabilityNames.get(Number(id))?.name, name.replace('PCI_EXT_CAP_ID_', ''));
  }
});

test('BARs tell their kind, address and size, and a 64-bit one takes two', () => {
  const bytes = header();
  bytes.writeUInt32LE(0xfea0_000c, 0x10); // 64-bit, prefetchable
  bytes.writeUInt32LE(0x0000_0012, 0x14);
  bytes.writeUInt32LE(0x0000_e001, 0x18); // I/O
  bytes.writeUInt32LE(0xfeb0_0000, 0x1c); // 32-bit
  bytes.writeUInt32LE(0x000a_0002, 0x20); // below 1 MiB
  const { bars } = decodePciConfig(bytes, { barSizes: [0x10_0000, undefined, 0x20, undefined, undefined, 0x1000] });
  assert.deepEqual(bars, [
    { index: 0, kind: 'memory', address: 0x12_fea0_0000n, bits: 64, prefetchable: true, size: 0x10_0000 },
    { index: 2, kind: 'io', address: 0xe000n, size: 0x20 },
    { index: 3, kind: 'memory', address: 0xfeb0_0000n, bits: 32, prefetchable: false },
    { index: 4, kind: 'memory', address: 0xa_0000n, bits: 16, prefetchable: false },
    { index: 5, kind: 'memory', address: 0n, bits: 32, prefetchable: false, size: 0x1000 },
  ]);
});

test('a bridge shows its windows, the 64-bit one whole, and a closed one as closed', () => {
  const bytes = header();
  bytes[0x0e] = 1;
  bytes.writeUInt32LE(0x0003_0201, 0x18);
  bytes.writeUInt16LE(0x2111, 0x1c); // 32-bit I/O, 0x..1000 to 0x..2fff
  bytes.writeUInt32LE(0x0001_0001, 0x30);
  bytes.writeUInt32LE(0xfec0_fea0, 0x20);
  bytes.writeUInt32LE(0x0001_fff1, 0x24);
  bytes.writeUInt32LE(0x1, 0x28);
  bytes.writeUInt32LE(0x2, 0x2c);
  const values = Object.fromEntries(
    decodePciConfig(bytes).registers.map((register) => [register.name, register.values]),
  );
  assert.deepEqual(values['Bus'], { primary: '0x01', secondary: '0x02', subordinate: '0x03', 'sec-latency': 0 });
  assert.deepEqual(values['I/O behind bridge'], { Window: '0x11000..0x13000' });
  assert.deepEqual(values['Memory behind bridge'], { Window: '0xfea00000..0xfed00000' });
  assert.deepEqual(values['Prefetchable memory behind bridge'], { Window: '0x00000001fff00000..0x0000000200100000' });
  bytes.writeUInt16LE(0x0010, 0x22);
  const closed = decodePciConfig(bytes).registers.find(({ name }) => name === 'Memory behind bridge');
  assert.deepEqual(closed?.values, { Window: 'disabled' });
});

test('lists that are cycles, point out of bounds or end in ones end, and are named', () => {
  const cycle = header(0x50);
  cycle.set([0x01, 0x60], 0x50);
  cycle.set([0x05, 0x50], 0x60);
  assert.deepEqual(faultsOf(cycle), ['the capability list is a cycle: it comes back to 0x50']);
  assert.deepEqual(
    decodePciConfig(cycle).capabilities.map(({ name }) => name),
    ['PM', 'MSI'],
  );
  assert.deepEqual(faultsOf(header(0x20)), ['the capability list points to 0x20, where no capability can be']);
  const ones = header(0x50);
  ones[0x50] = 0xff;
  assert.deepEqual(faultsOf(ones), ['the capability list ends in all ones at 0x50']);
  const extended = Buffer.concat([header(), Buffer.alloc(4096 - 256)]);
  extended.writeUInt32LE(0x1401_0003, 0x100);
  extended.writeUInt32LE(0x1001_000d, 0x140);
  assert.deepEqual(faultsOf(extended), ['the extended capability list is a cycle: it comes back to 0x100']);
  extended.writeUInt32LE(0x0401_000d, 0x140);
  assert.deepEqual(faultsOf(extended), ['the extended capability list points to 0x040, where no capability can be']);
});

test('bytes that could not be read are said to be so, and nothing is made up from them', () => {
  const bytes = spaceOf('e1000e');
  const config = decodePciConfig(bytes, { unreadable: [0, 4, 0x10, 0xd2, 0x104] });
  assert.equal(config.vendorId, undefined);
  const control = config.registers.find(({ name }) => name === 'Control');
  assert.deepEqual(control, { name: 'Control', unreadable: true, flags: {}, values: {} });
  assert.ok(!config.bars.some(({ index }) => index === 0));
  const msi = config.capabilities.find(({ name }) => name === 'MSI');
  assert.deepEqual(msi?.registers, [{ name: 'Control', unreadable: true, flags: {}, values: {} }]);
  const text = show(config);
  assert.match(text, /Vendor: +unreadable/);
  assert.match(text, /UESta: +unreadable/);
  const listCut = decodePciConfig(bytes, { unreadable: [0x34] });
  assert.deepEqual(listCut.faults, ['the capability list goes on in bytes that could not be read']);
});

test('a device that answers with ones is called silent', () => {
  const config = decodePciConfig(Buffer.alloc(256, 0xff));
  assert.equal(config.silent, true);
  assert.deepEqual([config.capabilities, config.bars, config.registers], [[], [], []]);
  assert.match(show(config), /^every byte reads as ones: the device does not answer/);
});

test('an unknown capability is listed with its id and place', () => {
  const bytes = header(0x50);
  bytes[0x50] = 0x42;
  const [capability] = decodePciConfig(bytes).capabilities;
  assert.deepEqual(capability, { offset: 0x50, id: 0x42, name: '0x42', words: 'unknown capability', registers: [] });
});

test('names come from pci.ids, and the class has one without', () => {
  const numbers = {
    vendorId: 0x8086,
    deviceId: 0x10d3,
    subsystemVendorId: 0x103c,
    subsystemId: 0x1785,
    classCode: 0x020000,
  };
  assert.deepEqual(pciNames(numbers, list), {
    vendor: 'Intel Corporation',
    device: '82574L Gigabit Network Connection',
    subsystem: 'NC112i 1-port Ethernet Server Adapter',
    class: 'Ethernet controller',
  });
  assert.deepEqual(pciNames({ ...numbers, classCode: 0x010601, deviceId: 0xffff }, list), {
    vendor: 'Intel Corporation',
    class: 'SATA controller',
    programmingInterface: 'AHCI 1.0',
  });
  assert.deepEqual(pciNames({ ...numbers, classCode: 0x0c0330 }, ''), { class: 'Serial bus controller' });
});

test('no bytes make the decoder fail or run on', () => {
  const arbitrary = fc.tuple(fc.uint8Array({ minLength: 0, maxLength: 4096, size: 'max' }), fc.array(fc.nat(4096)));
  fc.assert(
    fc.property(arbitrary, ([bytes, unreadable]) => {
      if (bytes.length > 6) bytes[6] = 0x10;
      const config = decodePciConfig(bytes, { unreadable });
      assert.ok(config.capabilities.length <= 48 + 960);
      assert.ok(show(config).length > 0);
    }),
    { numRuns: 200 },
  );
});

/** A type 0 header, with a capability list at `list` if it is given. */
function header(first?: number): Buffer {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32LE(0x11e8_1234, 0);
  if (first !== undefined) {
    bytes[0x06] = 0x10;
    bytes[0x34] = first;
  }
  return bytes;
}

function faultsOf(bytes: Uint8Array): readonly string[] {
  return decodePciConfig(bytes).faults;
}
