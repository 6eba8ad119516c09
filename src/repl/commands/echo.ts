import { many, shown } from '../arguments.js';
import { defineCommand } from '../command.js';

export const commands = [
  defineCommand({
    name: 'echo',
    group: 'scripts',
    summary: 'print its words',
    details:
      'Outside quotes, $name and $(EXPR) are printed as their values, in hexadecimal; in quotes all stays as it is, white space too.',
    arguments: { words: many(shown('what to print', 'WORD')) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [
      { line: 'echo "factorial unit"', says: 'print a heading' },
      { line: 'echo base is $base, its end $($base + 0xfff)', says: 'print values', after: ['$base = 0x1000'] },
    ],
    run: (_context, input) => ({ kind: 'text', lines: [input.arguments.words.join(' ')] }),
  }),
];
