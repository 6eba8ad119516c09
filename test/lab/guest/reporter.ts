import type { TestEvent } from 'node:test/reporters';
import type { GuestResult } from '../guest-result.js';

/** A reporter for node:test that writes one GuestResult a line; the host makes subtests of them. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') path.splice(data.nesting, Infinity, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details.type === 'suite' && type === 'test:pass') continue;
    if (type === 'test:fail' && failureType(data.details.error) === 'subtestsFailed') continue;
    const result: GuestResult = { name: [...path.slice(0, data.nesting), data.name].join(' > ') };
    if (data.skip !== undefined && data.skip !== false) result.skipped = String(data.skip);
    if (type === 'test:fail') result.failure = describe(data.details.error);
    yield `${JSON.stringify(result)}\n`;
  }
}

/** node:test's word for why: a suite that failed only for its tests says nothing that they did not say. */
function failureType(error: Error): unknown {
  return 'failureType' in error ? error.failureType : undefined;
}

function describe(error: Error): string {
  // node:test wraps what the test threw.
  const { cause } = error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : error.message;
}
