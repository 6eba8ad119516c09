import { framed } from './full-screen.js';
import type { Window } from './tmux.js';

/** One thing that a user does on the full screen of edu, and what has to be seen. */
export interface Step {
  readonly name: string;
  readonly run: (window: Window) => Promise<void>;
}

/** A whole session on an edu that `opened` has opened, be it simulated or the kernel's: from the first peek to the question of q. */
export const eduSession: readonly Step[] = [
  {
    name: 'peek at the prompt',
    async run(window) {
      await window.enter('peek region0 0x0');
      await window.until((text) => text.includes('region0.ID (region0+0x0): 0x010000ed'), 'the answer');
    },
  },
  {
    name: 'F-keys, Tab, Shift-Tab and numbers go from pane to pane, and ? shows the keys',
    async run(window) {
      await window.press('F2');
      await window.until((text) => text.includes('g go to'), 'the memory pane');
      await window.press('Tab');
      await window.until(
        (text) => text.includes('p pause') && text.includes('F3 interrupts and log'),
        'the hidden pane',
      );
      await window.press('BTab');
      await window.until((text) => text.includes('g go to'), 'the pane before');
      await window.type('1');
      await window.until((text) => text.includes('open, field'), 'the registers');
      await window.type('?');
      await window.until((text) => text.includes('in every pane but the prompt'), 'the keys');
      await window.press('Escape');
      await window.until((text) => !text.includes('in every pane but the prompt'), 'the panes');
    },
  },
  {
    name: 'a window of any size, and back',
    async run(window) {
      for (const [columns, rows] of [
        [132, 43],
        [300, 100],
        [100, 30],
        [80, 24],
        [132, 43],
      ] as const) {
        await window.resize(columns, rows);
        await window.until((text) => framed(text, columns, rows), `${columns}x${rows}`);
      }
    },
  },
  {
    name: 'a storm of SIGWINCH and of sizes',
    async run(window) {
      const [job = 0] = await window.jobs();
      for (let step = 0; step < 40; step += 1) {
        for (let again = 0; again < 50; again += 1) process.kill(job, 'SIGWINCH');
        await window.resize(80 + ((step * 37) % 200), 24 + ((step * 13) % 60));
      }
      await window.resize(132, 43);
      await window.until((text) => framed(text, 132, 43), 'the last size');
    },
  },
  {
    name: 'a field of a register, with the write shown before it is made',
    async run(window) {
      await window.press('F1');
      await window.press('Home');
      for (let step = 0; step < 3; step += 1) await window.press('Down');
      await window.until((text) => text.includes('registers: region0.STATUS') && />.*IRQ_FACT/.test(text), 'STATUS');
      await window.type('e');
      await window.until((text) => text.includes('STATUS.IRQ_FACT'), 'the question');
      await window.press('C-u');
      await window.enter('1');
      await window.until(
        (text) => text.includes('write this?') && text.includes('set region0.STATUS IRQ_FACT=1'),
        'the write',
      );
      await window.type('y');
      await window.until((text) => /> \S+ +IRQ_FACT +0x1/.test(text), 'the new value');
    },
  },
  {
    name: 'an interrupt arrives',
    async run(window) {
      await window.type(':');
      await window.enter('dma enable; irq enable msi');
      await window.until(
        (text) => text.includes('bus mastering on') && /msi +armed +1\/1 +0/.test(text),
        'the armed vector',
      );
      await window.enter('poke region0 0x60 1');
      await window.until((text) => /msi +\S+ +1\/1 +1 /.test(text), 'its count');
      await window.until((text) => /│ +\d+\.\d{6} .*msi/.test(text), 'the log');
    },
  },
  {
    name: 'a buffer is there for the device',
    async run(window) {
      await window.enter('dma alloc ring 64K');
      await window.until((text) => /ring .*0x[0-9a-f]+/.test(text.slice(text.indexOf('F4 maps'))), 'the mapping');
      await window.enter('echo done');
      await window.until((text) => /│done/.test(text), 'the prompt');
    },
  },
  {
    name: 'what is pasted is no key of a pane',
    async run(window) {
      await window.press('F1');
      await window.paste('q');
      await window.until((text) => text.includes('what is pasted goes to the prompt'), 'the notice');
      await window.type(':');
      await window.paste('echo pasted');
      await window.until((text) => text.includes('> echo pasted'), 'the text');
      await window.press('Enter');
    },
  },
  {
    name: 'q asks, n stays, y leaves',
    async run(window) {
      await window.resize(80, 24);
      await window.press('F1');
      await window.type('q');
      await window.until(
        (text) => text.includes('leave all the same?') && text.includes('msi enabled'),
        'the question',
      );
      await window.type('n');
      await window.until((text) => !text.includes('leave all the same?'), 'the panes');
      await window.type('q');
      await window.until((text) => text.includes('leave all the same?'), 'the question again');
      await window.type('y');
    },
  },
];
