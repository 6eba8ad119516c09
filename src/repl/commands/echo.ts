import { many, text } from '../arguments.js';
import { defineCommand } from '../command.js';

export const commands = [
  defineCommand({
    name: 'echo',
    group: 'scripts',
    summary: 'print its words',
    details: 'Quotes keep white space. Useful to structure what a script prints.',
    arguments: { words: many(text('what to print', 'WORD')) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'echo "factorial unit"', says: 'print a heading' }],
    run: (_context, input) => ({ kind: 'text', lines: [input.arguments.words.join(' ')] }),
  }),
];
