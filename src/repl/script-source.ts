import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { ReadStream, isatty } from 'node:tty';
import { readError } from './file-error.js';

/**
 * The bytes of a script as they come; `signal` ends the waiting for more. A pipe or a terminal is waited for on the event loop: a thread
 * that were blocked in open or read could not be ended, and would keep the process from ending.
 * Throws VfioError where the file cannot be opened.
 */
export function scriptSource(path: string, signal?: AbortSignal): Readable {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw readError('run', path, error);
  }
  const stream = streamOf(fd, path);
  return signal === undefined ? stream : addAbortSignal(signal, stream);
}

function streamOf(fd: number, path: string): Readable {
  try {
    if (isatty(fd)) return new ReadStream(fd);
    if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
    return createReadStream(path, { fd });
  } catch (error) {
    closeSync(fd);
    throw readError('run', path, error);
  }
}
