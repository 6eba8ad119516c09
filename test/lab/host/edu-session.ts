import { framed } from './full-screen.js';
import { buffer, fieldEdit, leaving, sizes, type Step } from './session-step.js';

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
  sizes('a window of any size, and back', [
    [132, 43],
    [300, 100],
    [100, 30],
    [80, 24],
    [132, 43],
  ]),
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
    name: 'what a run before has written is cleared',
    async run(window) {
      await window.type(':');
      await window.enter('poke STATUS 0; echo cleared');
      await window.until((text) => /│cleared/.test(text), 'the prompt');
    },
  },
  fieldEdit({ register: 'STATUS', field: 'IRQ_FACT', row: 3 }),
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
  buffer,
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
  leaving('msi'),
];
