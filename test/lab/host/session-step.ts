import { framed } from './full-screen.js';
import type { Window } from './tmux.js';

/** One thing that a user does on the full screen of a device, and what has to be seen. */
export interface Step {
  readonly name: string;
  readonly run: (window: Window) => Promise<void>;
}

/** Makes the window as large as each of `sizes`: columns and rows. */
export function sizes(name: string, each: readonly (readonly [columns: number, rows: number])[]): Step {
  return {
    name,
    async run(window) {
      for (const [columns, rows] of each) {
        await window.resize(columns, rows);
        await window.until((text) => framed(text, columns, rows), `${columns}x${rows}`);
      }
    },
  };
}

/** Writes 1 to a field of region0: the first one of its register, which is the one at index `row` of the registers and not 1 before. */
export function fieldEdit({ register, field, row }: { register: string; field: string; row: number }): Step {
  return {
    name: 'a field of a register, with the write shown before it is made',
    async run(window) {
      await window.press('F1', 'Home', ...Array<string>(row).fill('Down'));
      const selected = new RegExp(`>.*${field} +0x0`);
      await window.until((text) => text.includes(`registers: region0.${register}`) && selected.test(text), register);
      await window.type('e');
      await window.until((text) => text.includes(`${register}.${field}`), 'the question');
      await window.press('C-u');
      await window.enter('1');
      const line = `set region0.${register} ${field}=1`;
      await window.until((text) => text.includes('write this?') && text.includes(line), 'the write');
      await window.type('y');
      await window.until((text) => new RegExp(`> \\S+ +${field} +0x1`).test(text), 'the new value');
    },
  };
}

export const buffer: Step = {
  name: 'a buffer is there for the device',
  async run(window) {
    await window.enter('dma alloc ring 64K');
    await window.until((text) => /ring .*0x[0-9a-f]+/.test(text.slice(text.indexOf('F4 maps'))), 'the mapping');
    await window.enter('echo done');
    await window.until((text) => /│done/.test(text), 'the prompt');
  },
};

/** Leaves while `interrupt` is enabled. */
export function leaving(interrupt: string): Step {
  return {
    name: 'q asks, n stays, y leaves',
    async run(window) {
      await window.resize(80, 24);
      await window.press('F1');
      await window.type('q');
      await window.until(
        (text) => text.includes('leave all the same?') && text.includes(`${interrupt} enabled`),
        'the question',
      );
      await window.type('n');
      await window.until((text) => !text.includes('leave all the same?'), 'the panes');
      await window.type('q');
      await window.until((text) => text.includes('leave all the same?'), 'the question again');
      await window.type('y');
    },
  };
}
