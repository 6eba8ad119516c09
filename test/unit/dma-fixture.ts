import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/index.js';
import { memoryAt } from '../../src/vfio/sys/libc.js';
import { DmaTransport } from './dma-transport.js';

export const PAGE = 4096;

export function open(): { device: Device; transport: DmaTransport } {
  const transport = new DmaTransport();
  return { device: new Device(transport), transport };
}

export function refusal(body: () => unknown): VfioError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof VfioError, String(error));
    return error;
  }
  return assert.fail('it was not refused');
}

/** The device's own view of a buffer's memory, behind this program's back. */
export function deviceView(transport: DmaTransport, iova: bigint, size: number): Uint8Array {
  const mapping = transport.made.get(iova);
  assert.ok(mapping !== undefined && size <= mapping.size);
  return new Uint8Array(memoryAt(mapping.address, size));
}

/** Buffers of that name whose memory this process still has. */
export function fdsOf(name: string): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/memfd:${name}`)).length;
}
