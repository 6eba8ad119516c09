import type { Step } from './edu-session.js';
import { framed } from './full-screen.js';

/** A whole session on a PL031 that `opened` has opened, be it simulated or the kernel's: from the first peek to the question of q. */
export const pl031Session: readonly Step[] = [
  {
    name: 'peek at the prompt',
    async run(window) {
      await window.enter('peek RTCPeriphID0');
      await window.until((text) => text.includes('0x00000031'), 'the answer');
    },
  },
  {
    name: 'a window of any size',
    async run(window) {
      for (const [columns, rows] of [
        [300, 100],
        [132, 43],
      ] as const) {
        await window.resize(columns, rows);
        await window.until((text) => framed(text, columns, rows), `${columns}x${rows}`);
      }
    },
  },
  {
    name: 'a field of a register, with the write shown before it is made',
    async run(window) {
      await window.enter('poke RTCIMSC 0; poke RTCICR 1');
      await window.press('F1', 'Home', 'Down', 'Down', 'Down', 'Down');
      await window.until(
        (text) => text.includes('registers: region0.RTCIMSC') && />.*RTCINTR +0x0/.test(text),
        'RTCIMSC',
      );
      await window.type('e');
      await window.until((text) => text.includes('RTCIMSC.RTCINTR'), 'the question');
      await window.press('C-u');
      await window.enter('1');
      await window.until(
        (text) => text.includes('write this?') && text.includes('set region0.RTCIMSC RTCINTR=1'),
        'the write',
      );
      await window.type('y');
      await window.until((text) => /> \S+ +RTCINTR +0x1/.test(text), 'the new value');
    },
  },
  {
    name: 'the alarm arrives, and is there again when it was acknowledged',
    async run(window) {
      await window.type(':');
      await window.enter('irq enable irq0');
      await window.until((text) => /irq0 +armed +1\/1 +0/.test(text), 'the armed vector');
      await window.enter('poke RTCMR 1002; poke RTCLR 1000');
      await window.until((text) => /irq0 +pending +1\/1 +1 /.test(text), 'its count');
      await window.until((text) => /│ +\d+\.\d{6} .*irq0/.test(text), 'the log');
      await window.enter('poke RTCICR 1; irq unmask irq0');
      await window.until((text) => /irq0 +armed +1\/1 +1 /.test(text), 'the armed vector again');
    },
  },
  {
    name: 'a buffer is there for the device',
    async run(window) {
      await window.enter('dma alloc ring 64K');
      await window.until((text) => /ring .*0x[0-9a-f]+/.test(text.slice(text.indexOf('F4 maps'))), 'the mapping');
    },
  },
  {
    name: 'q asks, n stays, y leaves',
    async run(window) {
      await window.resize(80, 24);
      await window.press('F1');
      await window.type('q');
      await window.until(
        (text) => text.includes('leave all the same?') && text.includes('irq0 enabled'),
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
