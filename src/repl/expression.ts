import { type Parsed, valueOf } from './arguments/argument.js';
import { parseLocation } from './arguments/location.js';
import type { Environment } from './environment.js';
import { clip, parseNumber } from './number.js';
import type { Scanner } from './scanner.js';

/** Operators one behind another that are evaluated anew each time, at the most: evaluation goes that deep. */
const LONGEST = 1000;

/** A part of an expression, and how deep its evaluation goes. */
interface Node {
  readonly parsed: Parsed<bigint>;
  readonly depth: number;
}

type Operation = (a: bigint, b: bigint) => bigint;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** C's binary operators with C's precedence, on unsigned 64-bit values that wrap around. A shift by 64 or more gives 0. */
const operators: readonly (readonly [token: string, precedence: number, operation: Operation | undefined])[] = [
  ['||', 1, undefined],
  ['&&', 2, undefined],
  ['==', 6, (a, b) => truth(a === b)],
  ['!=', 6, (a, b) => truth(a !== b)],
  ['<<', 8, (a, b) => (b >= 64n ? 0n : wrap(a << b))],
  ['>>', 8, (a, b) => (b >= 64n ? 0n : a >> b)],
  ['<=', 7, (a, b) => truth(a <= b)],
  ['>=', 7, (a, b) => truth(a >= b)],
  ['<', 7, (a, b) => truth(a < b)],
  ['>', 7, (a, b) => truth(a > b)],
  ['|', 3, (a, b) => a | b],
  ['^', 4, (a, b) => a ^ b],
  ['&', 5, (a, b) => a & b],
  ['+', 9, (a, b) => wrap(a + b)],
  ['-', 9, (a, b) => wrap(a - b)],
  ['*', 10, (a, b) => wrap(a * b)],
  ['/', 10, (a, b) => a / b],
  ['%', 10, (a, b) => a % b],
];

const numeral = /[0-9][0-9A-Za-z_]*(?:\.(?!\.)[0-9A-Za-z_]*)?/y;
const variable = /\$[A-Za-z_][A-Za-z0-9_]*/y;
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y;

/** Reads a VALUE from where the scanner stands, as far as it goes. Throws UsageError only. */
export function parseExpression(scanner: Scanner): Parsed<bigint> {
  return conditional(scanner).parsed;
}

/** Whether an expression could begin with this character (and a name or a path could not). */
export function beginsExpression(text: string): boolean {
  return /^[0-9($[~!+-]/.test(text);
}

function conditional(scanner: Scanner): Node {
  const condition = binary(scanner, 1);
  scanner.skipSpace();
  if (scanner.char !== '?') return condition;
  const at = scanner.at;
  scanner.at += 1;
  return scanner.nested(() => {
    const yes = conditional(scanner);
    scanner.skipSpace();
    if (!scanner.accept(':')) scanner.fail('"?" needs a ":"', at, at + 1, 'write CONDITION ? VALUE : VALUE');
    const no = conditional(scanner);
    const [test, first, second] = [condition.parsed, yes.parsed, no.parsed];
    if ('constant' in test) return test.constant === 0n ? no : yes;
    const evaluate = (environment: Environment): bigint =>
      valueOf(test.evaluate(environment) === 0n ? second : first, environment);
    return deeper(scanner, { evaluate }, condition, yes, no);
  });
}

function binary(scanner: Scanner, least: number): Node {
  let left = unary(scanner);
  for (;;) {
    scanner.skipSpace();
    const at = scanner.at;
    const operator = operatorAt(scanner);
    if (!operator || operator[1] < least) return left;
    const [token, precedence, operation] = operator;
    scanner.at += token.length;
    const right = binary(scanner, precedence + 1);
    left = operation
      ? calculate(scanner, token, operation, left, right, at)
      : shortCircuit(scanner, token, left, right);
  }
}

function operatorAt(scanner: Scanner): (typeof operators)[number] | undefined {
  const { text, at } = scanner;
  if (at >= scanner.end) return undefined;
  return operators.find(([token]) => text.startsWith(token, at));
}

function calculate(scanner: Scanner, token: string, operation: Operation, left: Node, right: Node, at: number): Node {
  const [a, b] = [left.parsed, right.parsed];
  const divides = token === '/' || token === '%';
  const apply = (x: bigint, y: bigint): bigint => {
    if (divides && y === 0n) throw scanner.error('division by zero', at, at + 1);
    return operation(x, y);
  };
  if ('constant' in a && 'constant' in b && !(divides && b.constant === 0n)) {
    return { parsed: { constant: operation(a.constant, b.constant) }, depth: 0 };
  }
  const evaluate = (environment: Environment): bigint => apply(valueOf(a, environment), valueOf(b, environment));
  return deeper(scanner, { evaluate }, left, right);
}

function shortCircuit(scanner: Scanner, token: string, left: Node, right: Node): Node {
  const [a, b] = [left.parsed, right.parsed];
  const decides = (value: bigint): boolean => (value !== 0n) === (token === '||');
  if ('constant' in a && (decides(a.constant) || 'constant' in b)) {
    const value = decides(a.constant) ? a.constant : valueOf(b, nowhere);
    return { parsed: { constant: truth(value !== 0n) }, depth: 0 };
  }
  const evaluate = (environment: Environment): bigint => {
    const value = valueOf(a, environment);
    return truth((decides(value) ? value : valueOf(b, environment)) !== 0n);
  };
  return deeper(scanner, { evaluate }, left, right);
}

/** The environment of constants, which ask it nothing. */
const nowhere: Environment = {
  variable: () => undefined,
  load: () => {
    throw new Error('a constant reads nothing');
  },
};

function unary(scanner: Scanner): Node {
  scanner.skipSpace();
  const sign = scanner.char;
  if (sign !== '-' && sign !== '+' && sign !== '~' && sign !== '!') return primary(scanner);
  scanner.at += 1;
  return scanner.nested(() => {
    const operand = unary(scanner);
    const apply = (value: bigint): bigint => {
      if (sign === '-') return wrap(-value);
      if (sign === '~') return wrap(~value);
      return sign === '!' ? truth(value === 0n) : value;
    };
    const { parsed } = operand;
    if ('constant' in parsed) return { parsed: { constant: apply(parsed.constant) }, depth: 0 };
    return deeper(scanner, { evaluate: (environment) => apply(parsed.evaluate(environment)) }, operand);
  });
}

function primary(scanner: Scanner): Node {
  const start = scanner.at;
  const { char } = scanner;
  if (char >= '0' && char <= '9') {
    const text = scanner.match(numeral) ?? '';
    const number = parseNumber(text);
    if (typeof number !== 'bigint') scanner.fail(number.wrong, start, scanner.at, number.hint);
    return { parsed: { constant: number }, depth: 0 };
  }
  if (char === '(') {
    scanner.at += 1;
    const inner = scanner.nested(() => conditional(scanner));
    scanner.skipSpace();
    if (!scanner.accept(')')) unexpected(scanner, 'an operator or ")"');
    return inner;
  }
  if (char === '[') {
    scanner.at += 1;
    const location = scanner.nested(() => parseLocation(scanner, {}));
    scanner.skipSpace();
    if (!scanner.accept(']')) unexpected(scanner, '"]"');
    return deeper(scanner, { evaluate: (environment) => environment.load(valueOf(location, environment)) });
  }
  if (char === '$') return { parsed: namedVariable(scanner), depth: 1 };
  const word = scanner.match(identifier);
  if (word !== undefined) {
    const hint = `a variable is $${clip(word)}, a register's value [${clip(word)}], hexadecimal needs 0x`;
    scanner.fail(`"${clip(word)}" is no value`, start, scanner.at, hint);
  }
  return unexpected(scanner, 'a value');
}

/** Reads a variable's name, with the $ in front, from where the scanner stands. */
export function namedVariable(scanner: Scanner): Parsed<bigint> {
  const start = scanner.at;
  const name = scanner.match(variable)?.slice(1);
  if (name === undefined)
    scanner.fail('"$" needs a name', start, start + 1, 'a variable is $name, the last value is $_');
  const end = scanner.at;
  const evaluate = (environment: Environment): bigint => {
    const value = environment.variable(name);
    if (value !== undefined) return value;
    throw scanner.error(`$${clip(name)} is not set`, start, end, `set it first: $${clip(name)} = VALUE`);
  };
  return { evaluate };
}

function unexpected(scanner: Scanner, wanted: string): never {
  if (scanner.done) scanner.fail(`${wanted} is missing`, scanner.end, scanner.end);
  const character = String.fromCodePoint(scanner.text.codePointAt(scanner.at) ?? 0);
  return scanner.fail(`"${character}" stands where ${wanted} is expected`, scanner.at, scanner.at + character.length);
}

function deeper(scanner: Scanner, parsed: Parsed<bigint>, ...parts: readonly Node[]): Node {
  let depth = 1;
  for (const part of parts) depth = Math.max(depth, part.depth + 1);
  if (depth > LONGEST)
    scanner.fail('too long an expression', 0, scanner.end, `at most ${LONGEST} operators on variables`);
  return { parsed, depth };
}
