import assert from 'node:assert/strict';
import { VfioError, type FailureDetails } from '../../../src/vfio/errors.js';

/**
 * For assert.throws: a VfioError of that kind whose message matches, and, where `hint` is given, whose hint does.
 * Prints what a user would see, so that the guest's output can be read as the user would.
 */
export function refused(kind: FailureDetails['kind'], message: RegExp, hint?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof VfioError, String(error));
    process.stdout.write(`    ${error.message}\n      ${error.details.hint ?? ''}\n`);
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, message);
    if (hint !== undefined) assert.match(error.details.hint ?? '', hint);
    return true;
  };
}
