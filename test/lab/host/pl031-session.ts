import { buffer, fieldEdit, leaving, sizes, type Step } from './session-step.js';

/** A whole session on a PL031 that `opened` has opened, be it simulated or the kernel's: from the first peek to the question of q. */
export const pl031Session: readonly Step[] = [
  {
    name: 'peek at the prompt',
    async run(window) {
      await window.enter('peek RTCPeriphID0');
      await window.until((text) => text.includes('0x00000031'), 'the answer');
    },
  },
  sizes('a window of any size', [
    [300, 100],
    [132, 43],
  ]),
  {
    name: 'what a run before has written is cleared',
    async run(window) {
      await window.enter('poke RTCIMSC 0; poke RTCICR 1; echo cleared');
      await window.until((text) => /│cleared/.test(text), 'the prompt');
    },
  },
  fieldEdit({ register: 'RTCIMSC', field: 'RTCINTR', row: 4 }),
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
  buffer,
  leaving('irq0'),
];
