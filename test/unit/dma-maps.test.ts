import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { iovaMap } from '../../src/repl/iova-map.js';
import { Device } from '../../src/vfio/device.js';
import '../../src/vfio/dma/dma.js';
import { render } from '../../src/views/render.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import { DmaTransport } from './dma-transport.js';

const PAGE = 4096;

/** A device behind VT-d: a window for interrupt messages, and 39 bits. */
function open(): Device {
  const transport = new DmaTransport();
  transport.limits = {
    ranges: [
      { first: 0n, last: 0xfedfffffn },
      { first: 0xfef00000n, last: 0x7fffffffffn },
    ],
    pageSizes: 0x40201000n,
    entriesLeft: 65535,
  };
  return new Device(transport);
}

function shown(device: Device, all = false): string {
  return plain(iovaMap(device.dma, device.dma.limits(), all));
}

describe('the picture of the IOVA space', () => {
  test('has the limits, the whole space, a close-up of each cluster, and a row for each mapping, hole and window', () => {
    const device = open();
    device.dma.alloc('ring', 16 * PAGE);
    device.dma.alloc('tx', 4 * PAGE, { iova: 0x130000n, prot: 'r' });
    device.dma.alloc('far', PAGE, { iova: 0x4000000000n, guard: true, prot: 'w' });
    device.dma.alloc('kept', PAGE).unmap();
    assert.equal(
      shown(device),
      `memfd: 3 mappings, 92 KiB, 65535 more can be made; pages of 4 KiB, 2 MiB, 1 GiB
usable IOVA: 0x0..0xfee00000, 0xfef00000..0x8000000000
kept, but not mapped: kept
all                  0x0 [+..............................++...............................] 0x8000000000  one character is 8 GiB
2 mappings      0x100000 [################................................####............] 0x140000      one character is 4 KiB
far         0x3ffffff000 [################################################................] 0x4000003000  one character is 256 bytes
#  mapped   +  partly   .  free   x  not usable   ~  partly
IOVA                           size  what        device may   note
0x100000..0x110000           64 KiB  ring        read, write
0x110000..0x130000          128 KiB  free
0x130000..0x134000           16 KiB  tx          read
0x134000..0x3ffffff000      256 GiB  free
0xfee00000..0xfef00000        1 MiB  not usable               reserved, or no IOVA range
0x3ffffff000..0x4000002000   12 KiB  far         write        guards of 4 KiB on both sides
`,
    );
    device.close();
  });

  test('shows windows, and where nothing is mapped says so', () => {
    const device = open();
    assert.match(shown(device), /^all +0x0 \[~\.{63}\] 0x8000000000/m);
    device.dma.alloc('low', PAGE, { iova: 0xfedff000n });
    assert.match(shown(device), /^low +0xfedff000 \[#{32}x{32}\] 0xfee01000/m);
    device.dma.alloc('high', PAGE, { iova: 0xfef00000n });
    assert.match(shown(device), /^high +0xfef00000 \[#{32}\.{32}\]/m);
    device.close();
  });

  test('takes as many lines for thousands of mappings as for dozens, and tells each when asked for all', () => {
    const device = open();
    for (let index = 0; index < 3000; index += 1) device.dma.alloc(`p${index}`, PAGE);
    const together = shown(device);
    assert.match(together, /^0x100000\.\.0xcb8000 +12000 KiB +3000 mappings, p0 to p2999 +read, write$/m);
    for (let index = 1; index < 3000; index += 2) device.dma.find(`p${index}`).unmap();
    assert.match(shown(device), /1500 mappings, p0 to p2998 +read, write +5\.86 MiB of holes among them/);
    for (let index = 1; index < 3000; index += 2) {
      const iova = 0x10000000n + BigInt(index * index * PAGE);
      if (iova < 0xf0000000n) device.dma.map(device.dma.find(`p${index}`), { iova, prot: index % 3 ? 'r' : 'rw' });
    }
    const scattered = shown(device).split('\n');
    assert.ok(scattered.length <= 55, `${scattered.length} lines`);
    assert.ok(scattered.some((line) => line.includes('various')));
    const each = shown(device, true);
    for (const name of ['p0', 'p2', 'p2998', 'p1', 'p301']) assert.match(each, new RegExp(` ${name} `));
    const { mappings } = JSON.parse(json(iovaMap(device.dma, device.dma.limits(), false))) as { mappings: unknown[] };
    assert.equal(mappings.length, device.dma.count);
    device.close();
  });

  test('fits the screen', () => {
    const device = open();
    device.dma.alloc('a-buffer-with-a-long-name', PAGE);
    for (const columns of [120, 80, 60]) {
      const lines = [...render(iovaMap(device.dma, device.dma.limits(), false), columns)];
      const bars = lines.map((line) => line.map(({ text }) => text).join('')).filter((text) => text.includes(' ['));
      assert.equal(bars.length, 2);
      for (const bar of bars) assert.ok(bar.length <= columns, `${bar.length} of ${columns}`);
    }
    device.close();
  });

  test('reaches to the end of 64 bits', () => {
    const device = open();
    (device.transport as DmaTransport).limits = { ranges: [], pageSizes: 0x1000n };
    device.dma.alloc('top', PAGE, { iova: 0xfffffffffffff000n });
    assert.match(shown(device), /^0xfffffffffffff000\.\.0x10000000000000000 +4 KiB +top/m);
    assert.match(shown(device), /^top +0xfffffffffffff000 \[#{32}/m);
    device.close();
  });
});
