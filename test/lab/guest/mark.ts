import { writeFileSync } from 'node:fs';
import { MARK } from '../qemu-trace.js';

/**
 * Names this moment in QEMU's trace. The kernel prints the line on the console before this returns, and the console's
 * transmit register is in the trace as any other: what comes behind the mark happened behind it.
 */
export function mark(text: string): void {
  // <0>: the level that is printed whatever the console's log level is.
  writeFileSync('/dev/kmsg', `<0>${MARK}${text}\n`);
}
