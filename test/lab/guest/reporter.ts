import type { TestEvent } from 'node:test/reporters';
import type { GuestResult } from '../guest-result.js';

/** A reporter for node:test that writes one GuestResult a line; the host makes subtests of them. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') path.splice(data.nesting, Infinity, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details.type === 'suite' && type === 'test:pass') continue;
    const result: GuestResult = { name: [...path.slice(0, data.nesting), data.name].join(' > ') };
    if (data.skip !== undefined && data.skip !== false) result.skipped = String(data.skip);
    if (type === 'test:fail') result.failure = describe(data.details.error);
    yield `${JSON.stringify(result)}\n`;
  }
}

function describe(error: Error): string {
  const cause = error.cause;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause ?? error.message);
}
