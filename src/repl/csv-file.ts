import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { VfioError } from '../vfio/errors.js';
import { fileError } from './file-error.js';

const { O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/** Bytes that wait for the reader of a pipe, at the most. */
const MOST_WAITING = 2 ** 24;

/**
 * A file of rows that grows while others read it: each row is handed to the system at once. Quoting as in RFC 4180. A pipe is written to
 * without ever waiting for its reader.
 */
export class CsvFile {
  readonly #path: string;
  #fd: number | undefined;
  #waiting: Buffer = Buffer.alloc(0);

  /** Begins the file with a header. Throws VfioError where it cannot be written. */
  constructor(path: string, header: readonly string[]) {
    this.#path = path;
    try {
      // A pipe without a reader is refused then, and not waited for.
      this.#fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o666);
    } catch (error) {
      throw fileError('write', path, error);
    }
    this.row(header);
  }

  /** Throws VfioError where the file takes no more. */
  row(cells: readonly string[]): void {
    const text = `${cells.map(quoted).join(',')}\n`;
    this.#waiting = this.#waiting.length === 0 ? Buffer.from(text) : Buffer.concat([this.#waiting, Buffer.from(text)]);
    this.#write();
    if (this.#waiting.length <= MOST_WAITING) return;
    throw new VfioError({
      kind: 'limit',
      operation: `write ${this.#path}`,
      why: `whoever reads that pipe is ${this.#waiting.length} bytes behind`,
      hint: 'write to a file, or watch less often: --every',
    });
  }

  #write(): void {
    if (this.#fd === undefined) return;
    try {
      while (this.#waiting.length > 0) this.#waiting = this.#waiting.subarray(writeSync(this.#fd, this.#waiting));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return;
      throw fileError('write', this.#path, error);
    }
  }

  /** Safe to call twice. What a pipe would not take yet is lost. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
