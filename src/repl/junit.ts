import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Check } from './check.js';
import { ExpectationError } from './usage-error.js';

/** What a suite came to. */
export interface SuiteTotals {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
  readonly seconds: number;
}

export interface Suite extends SuiteTotals {
  readonly name: string;
  readonly started: Date;
  /** Shown as the suite's properties. */
  readonly properties: Readonly<Record<string, string>>;
}

/** What stands before the cases of the one suite of a JUnit file. */
export function junitHead({ name, started, properties, ...totals }: Suite): string {
  const { tests, failures, errors, skipped, seconds } = totals;
  const counts = attributes({ tests, failures, errors, skipped, time: seconds.toFixed(6) });
  const timestamp = started.toISOString().slice(0, 19);
  const shown = Object.entries(properties).map(
    ([key, value]) => `      <property${attributes({ name: key, value })}/>\n`,
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    `<testsuites${counts}>\n`,
    `  <testsuite${attributes({ name })}${counts}${attributes({ timestamp })}>\n`,
    ...(shown.length === 0 ? [] : ['    <properties>\n', ...shown, '    </properties>\n']),
  ].join('');
}

/** Whether `path` is a report such as `junitHead` begins. */
export function isJunit(path: string): boolean {
  const start = Buffer.alloc(256);
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (fstatSync(fd).isFile()) readSync(fd, start);
    } finally {
      closeSync(fd);
    }
  } catch {
    // What cannot be read is told by who writes to it.
  }
  return /^\s*<(?:\?xml[^>]*>\s*<)?testsuite/.test(start.toString('utf8'));
}

export const junitTail = '  </testsuite>\n</testsuites>\n';

/** One expectation, as a case of the suite of that name. */
export function junitCase(suite: string, { name, command, file, line, seconds, failure, skipped }: Check): string {
  const place = { ...(file !== undefined && { file }), ...(line !== undefined && { line }) };
  const open = `    <testcase${attributes({ classname: file ?? suite, name, ...place, time: seconds.toFixed(6) })}`;
  if (failure === undefined) return skipped ? `${open}><skipped/></testcase>\n` : `${open}/>\n`;
  const expectation = failure instanceof ExpectationError ? failure.expectation : {};
  const hint = failure instanceof ExpectationError ? failure.hint : failure.details.hint;
  const lines = Object.entries({ command, ...expectation, ...(hint !== undefined && { hint }) }).map(
    ([key, value]) => `${key}: ${value}`,
  );
  return `${open}>\n      ${problem('failure', 'expectation', failure.message, lines.join('\n'))}    </testcase>\n`;
}

/** What ended the suite, or a command of it that failed, as a case of its own. */
export function junitError(suite: string, name: string, kind: string, message: string): string {
  const open = `    <testcase${attributes({ classname: suite, name, time: '0.000000' })}`;
  return `${open}>\n      ${problem('error', kind, message, '')}    </testcase>\n`;
}

function problem(element: 'failure' | 'error', type: string, message: string, text: string): string {
  return `<${element}${attributes({ type, message })}>${escapeXml(text)}</${element}>\n`;
}

function attributes(all: Readonly<Record<string, string | number>>): string {
  return Object.entries(all)
    .map(
      ([key, value]) =>
        ` ${key}="${escapeXml(String(value)).replace(/[\t\n\r]/g, (each) => `&#${each.charCodeAt(0)};`)}"`,
    )
    .join('');
}

// XML 1.0, production 2: Char. Nothing else can stand in a document, not even as a reference.
const notXml = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const references: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** `text` as content or as the value of an attribute; characters that XML cannot hold are left out. */
export function escapeXml(text: string): string {
  return text.replace(notXml, '').replace(/[&<>"]/g, (each) => references[each] ?? '');
}
