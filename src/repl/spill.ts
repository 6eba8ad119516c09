import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Characters that are gathered before they are written. */
const MOST_GATHERED = 65_536;

/** Text of any length that is read once it is whole: what is more than a little of it lies in a file that nobody else sees. */
export class Spill {
  #gathered = '';
  #fd: number | undefined;
  #bytes = 0;

  add(text: string): void {
    this.#gathered += text;
    if (this.#gathered.length >= MOST_GATHERED) this.#write();
  }

  /** Everything that was added, in pieces, in order. */
  *pieces(): Generator<Uint8Array> {
    if (this.#fd !== undefined) {
      const piece = new Uint8Array(MOST_GATHERED);
      for (let at = 0; at < this.#bytes;) {
        const length = readSync(this.#fd, piece, 0, piece.length, at);
        if (length === 0) break;
        yield piece.subarray(0, length);
        at += length;
      }
    }
    yield Buffer.from(this.#gathered);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #write(): void {
    this.#fd ??= openNameless();
    const bytes = Buffer.from(this.#gathered);
    this.#gathered = '';
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
    this.#bytes += bytes.length;
  }
}

/** A file without a name: it is gone when it is closed, however the process ends. */
function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-'));
  try {
    return openSync(join(folder, 'spill'), 'w+', 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
