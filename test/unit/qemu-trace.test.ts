import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { accesses, parseTrace, type TraceAccess, type TraceEntry } from '../lab/qemu-trace.js';

/** A line as QEMU 7.2 writes it. */
function line({ op, addr, value, size, name }: TraceAccess): string {
  return `memory_region_ops_${op} cpu 1 mr 0x5589 addr 0x${addr.toString(16)} value 0x${value.toString(16)} size ${size} name '${name}'`;
}

/** What the kernel's console driver writes, a character at a time. */
function consoleLines(text: string, name: string, addr: bigint): string[] {
  return Array.from(Buffer.from(text), (character) =>
    line({ op: 'write', addr, value: BigInt(character), size: 1, name }),
  );
}

const edu = (op: 'read' | 'write', addr: bigint, value: bigint): TraceAccess => ({
  op,
  addr,
  value,
  size: 4,
  name: 'edu-mmio',
});

describe("QEMU's trace", () => {
  it('gives every access as it was, in order', () => {
    const access = fc.record(
      {
        op: fc.constantFrom('read' as const, 'write' as const),
        addr: fc.bigInt(0n, 2n ** 64n - 1n),
        value: fc.bigInt(0n, 2n ** 64n - 1n),
        size: fc.constantFrom(1, 2, 4, 8),
        name: fc.constantFrom('edu-mmio', 'e1000e-mmio', 'gicv3_redist_region[0]', 'a name with spaces', ''),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(access), (wanted) => {
        assert.deepEqual(parseTrace(wanted.map(line).join('\n')), wanted);
      }),
    );
  });

  it('understands a line with a process and time stamp before it, and CPU -1', () => {
    const text =
      "1234@1700000000.123456:memory_region_ops_write cpu -1 mr 0x1 addr 0xfee00000 value 0x0 size 4 name 'vtd-ir'";
    assert.deepEqual(parseTrace(text), [{ op: 'write', addr: 0xfee00000n, value: 0n, size: 4, name: 'vtd-ir' }]);
  });

  it('passes over lines of other kinds and refuses one of its own that it cannot read', () => {
    assert.deepEqual(parseTrace('guest_errors: something\n\n'), []);
    assert.throws(() => parseTrace('memory_region_ops_read cpu 1 mr 0x5589 addr 0x10'), /not understood/);
  });

  for (const [name, addr] of [
    ['serial', 0x3f8n],
    ['pl011', 0x9000000n],
  ] as const) {
    it(`finds the marks that the guest printed on its ${name} console`, () => {
      const before = edu('read', 0xfea00000n, 1n);
      const first = edu('write', 0xfea00004n, 2n);
      const second = edu('read', 0xfea00004n, 3n);
      const text = [
        line(before),
        ...consoleLines('[    1.5] lab-mark: begin\r\n', name, addr),
        line(first),
        ...consoleLines('[    1.6] some other line\r\n', name, addr),
        line(second),
        ...consoleLines('[    1.7] lab-mark: end\r\n', name, addr),
        line(before),
      ].join('\n');
      const entries = parseTrace(text);
      const marks = entries.filter((entry: TraceEntry) => entry.op === 'mark');
      assert.deepEqual(marks, [
        { op: 'mark', text: 'begin' },
        { op: 'mark', text: 'end' },
      ]);
      assert.deepEqual(accesses(entries, { name: 'edu-mmio', from: 'begin', to: 'end' }), [first, second]);
      assert.deepEqual(accesses(entries, { name: 'edu-mmio', from: 'begin' }), [first, second, before]);
      assert.deepEqual(accesses(entries, { name: 'edu-mmio' }), [before, first, second, before]);
    });
  }

  it('takes the whole name of a region, not a part of it', () => {
    const entries = parseTrace(line({ ...edu('read', 0n, 0n), name: 'e1000e-mmio' }));
    assert.deepEqual(accesses(entries, { name: 'e1000e' }), []);
  });

  it('refuses to compare from a mark that is not there', () => {
    assert.throws(
      () => accesses(parseTrace(line(edu('read', 0n, 0n))), { name: 'edu-mmio', from: 'begin' }),
      /no mark 'begin'/,
    );
  });
});
