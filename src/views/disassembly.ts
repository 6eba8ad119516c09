import { escape } from './escape.js';
import { cutLine, type Line, lineWidth } from './line.js';
import { hexBytes } from './numbers.js';
import type { DisassemblyView, Span } from './view.js';

/**
 * '00001000: 48 89 e5  mov     rbp, rsp': address, bytes in memory order, mnemonic, operands. The bytes are left out of
 * all lines where one would not fit with them.
 */
export function* renderDisassembly(view: DisassemblyView, columns: number): Generator<Line> {
  const lines = [...linesOf(view, true)];
  const fits = lines.every((line) => lineWidth(line) <= columns);
  for (const line of fits ? lines : linesOf(view, false)) yield cutLine(line, columns);
}

function* linesOf(view: DisassemblyView, withBytes: boolean): Generator<Line> {
  let digits = 8;
  let longest = 0;
  let mnemonicWidth = 7;
  for (const { address, bytes, mnemonic } of view.instructions) {
    digits = Math.max(digits, address.toString(16).length);
    longest = Math.max(longest, bytes.length);
    mnemonicWidth = Math.max(mnemonicWidth, mnemonic.length);
  }
  for (const { address, bytes, mnemonic, operands } of view.instructions) {
    const spans: Span[] = [{ text: `${address.toString(16).padStart(digits, '0')}: `, role: 'address' }];
    if (withBytes) {
      const digitsOfBytes = Array.from(bytes, (byte) => hexBytes[byte]).join(' ');
      spans.push({ text: digitsOfBytes.padEnd(longest * 3 + 1), role: 'dim' });
    }
    if (operands === '') {
      spans.push({ text: escape(mnemonic), role: 'name' });
    } else {
      spans.push({ text: escape(mnemonic).padEnd(mnemonicWidth + 1), role: 'name' });
      spans.push({ text: escape(operands), role: 'plain' });
    }
    yield spans;
  }
}
