import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pictureFolder, takePicture } from '../../tools/picture.js';
import type { CapturedCell } from '../../tools/terminal-capture.js';
import { svgOf } from '../../tools/terminal-svg.js';

const kept = (name: string): string => readFileSync(join(pictureFolder, name), 'utf8');

/** Without what is another each time: times, what the rate was before, and what has just been told. */
function lasting(text: string): string {
  return text
    .replace(/^(.* bus mastering \w+).*$/m, '$1')
    .replace(/(\d+\/s)[ ▁▂▃▄▅▆▇█]*/g, '$1 ')
    .replace(/\d+\.\d{6}/g, (time) => '-'.repeat(time.length));
}

/** The letters in a picture, in the order of their rows and columns. */
function lettersIn(svg: string): string {
  const texts = [...svg.matchAll(/<text x="(\d+)" y="(\d+)"[^>]*>([^<]*)</g)];
  return texts
    .toSorted(([, x, y], [, otherX, otherY]) => Number(y) - Number(otherY) || Number(x) - Number(otherX))
    .map(([, , , text = '']) => text.replaceAll(' ', ''))
    .join('')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

test("README's picture is what the tool shows today, and its text is the picture's", { timeout: 60_000 }, async () => {
  assert.ok(readFileSync('README.md', 'utf8').includes('(tools/screen.svg)'));
  const { text } = await takePicture(0);
  assert.equal(lasting(text), lasting(kept('screen.txt')), 'npm run picture takes it again');
  const letters = kept('screen.txt').replace(/[─│┌┐└┘▁▂▃▄▅▆▇█\s]/g, '');
  assert.equal(lettersIn(kept('screen.svg')), letters, 'npm run picture takes it again');
});

const plain: CapturedCell = {
  text: 'a',
  columns: 1,
  bold: false,
  inverse: false,
  foreground: undefined,
  background: undefined,
};

test('a picture keeps every character in its cells, draws frames, and shows inverse and bold', () => {
  const row = [
    { ...plain, text: '┌' },
    { ...plain, text: '漢', columns: 2 },
    { ...plain, text: '<', bold: true },
    { ...plain, text: '&', bold: true },
    { ...plain, text: 'b', inverse: true },
  ];
  const svg = svgOf({ columns: 6, rows: [row], cursor: { column: 5, row: 0 } });
  assert.match(svg, /<path d="M16 20.5H20M16 20.5V29" /);
  assert.match(svg, /<text x="20" [^>]*textLength="16"[^>]*>漢</);
  assert.match(svg, /<text x="36" [^>]*textLength="16"[^>]*font-weight="bold">&lt;&amp;</);
  assert.match(svg, /<rect x="52" y="12" width="8" height="17" fill="#d4d7db"\/>\n<text x="52" [^>]*fill="#16191d">b</);
  assert.match(svg, /<rect x="52" y="12" [^>]*opacity/);
});
