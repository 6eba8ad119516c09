import assert from 'node:assert/strict';
import type { Window } from './tmux.js';

/** What the window is before the tool has it, and has to be behind it. */
async function recorded(window: Window): Promise<{ text: string; state: unknown; modes: string }> {
  return { text: await window.text(), state: await window.state(), modes: window.modes() };
}

/**
 * Starts the full screen from a shell that has something on it, and waits until it stands.
 * @returns what fails where the terminal is not what it was; `told` is what the tool may have left below the line that started it.
 */
export async function opened(window: Window, line: string): Promise<(told?: RegExp) => Promise<void>> {
  await window.enter('echo what was here before');
  await window.until((text) => /^what was here before\n\$$/m.test(text), 'the echo');
  const before = await recorded(window);
  await window.enter(line);
  await window.until((text) => text.includes('00000000: ') && text.includes('region0> '), 'the full screen');
  return async (told = /^$/) => {
    await window.until((text) => text.endsWith('\n$\n'), 'the shell');
    const after = await recorded(window);
    assert.deepEqual(after.state, before.state);
    assert.equal(after.modes, before.modes);
    // What stood there, the line that was entered, and nothing else.
    const begin = `${before.text.trimEnd()} ${line}\n`;
    assert.equal(after.text.slice(0, begin.length), begin);
    assert.equal(after.text.slice(-2), '$\n');
    assert.match(after.text.slice(begin.length, -2).trimEnd(), told);
  };
}

/** Every row but the first and the last is one of frames, from the first column to the last. */
export function framed(text: string, columns: number, rows: number): boolean {
  const lines = text.trimEnd().split('\n');
  const row = new RegExp(`^[┌│└].{${columns - 2}}[┐│┘]$`, 'u');
  const [status = '', ...others] = lines;
  return lines.length === rows && status.length <= columns && others.slice(0, -1).every((line) => row.test(line));
}
