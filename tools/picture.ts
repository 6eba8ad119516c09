// Makes the picture of the full screen that README shows, from a session on the simulated edu: screen.svg, and beside it screen.txt with the
// same as text. `npm run picture` runs it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { argv, execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TerminalCapture } from './terminal-capture.js';
import { svgOf } from './terminal-svg.js';

/** Where the sources lie, and the picture; this file itself is in dist/tools. */
export const pictureFolder = resolve(dirname(fileURLToPath(import.meta.url)), '../../tools');
const main = fileURLToPath(new URL('../src/repl/main.js', import.meta.url));

const SIZE = { columns: 120, rows: 37 };
const PROMPT = 'sim:edu region0>';

/** What is typed at the prompt. */
const lines = [
  'dma enable',
  'irq enable msi',
  'dma alloc ring 64K',
  'poke region0 0x8 12',
  'poke region0 0x60 0x1; irq wait msi',
  'reg IRQ_STATUS',
];

/** What each pane shows when it has looked at all that was done. */
const settled = [
  /bus mastering on/,
  /FACT +0x8 +0x1c8cfc00 /,
  /> IRQ_STATUS +0x24 +0x00000001  /,
  /(write-only[^]*){2}/,
  /\[0\] +FACT 0x1/,
  /00000008: 00 fc 8c 1c[^]*00000020: 00 00 00 00 01/,
  /msi +armed +1\/1 +1 +0\/s/,
  /ring +0x100000/,
  /Esc panes/,
];

/** The full screen at the end of the session, as text and as SVG; `fade` ms later than it must be, for marks of what has changed to fade. */
export async function takePicture(fade: number): Promise<{ readonly text: string; readonly svg: string }> {
  const home = mkdtempSync(join(tmpdir(), 'vfiodbg-picture-'));
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: undefined, TERM: 'xterm-256color', NO_COLOR: undefined };
  const terminal = new TerminalCapture([execPath, main, '--tui', 'sim:edu'], { ...SIZE, env });
  try {
    await terminal.until((text) => text.includes('0x010000ed') && text.includes(`│${PROMPT} `));
    for (const line of lines) {
      terminal.type(`${line}\r`);
      await terminal.until((text) => lastPrompt(text) === '' && text.includes(`${PROMPT} ${line}`));
    }
    terminal.type('\u001b');
    await terminal.until((text) => text.includes('Tab next'));
    // The register IRQ_STATUS.
    terminal.type('1jjjj');
    await terminal.until((text) => text.includes('> IRQ_STATUS'));
    terminal.type(':');
    await terminal.until((text) => settled.every((each) => each.test(text)));
    await sleep(fade);
    return { text: terminal.text, svg: svgOf(terminal.screen) };
  } finally {
    await terminal.close();
    rmSync(home, { recursive: true });
  }
}

/** What stands behind the lowest prompt, blanks and the frame taken away. */
function lastPrompt(text: string): string | undefined {
  return text.split(PROMPT).at(-1)?.split('\n')[0]?.replaceAll('│', '').trim();
}

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) {
  const { text, svg } = await takePicture(2500);
  writeFileSync(join(pictureFolder, 'screen.txt'), text);
  writeFileSync(join(pictureFolder, 'screen.svg'), svg);
}
