/** What became of one test inside a guest. */
export interface GuestResult {
  /** The names of the test and of what it is nested in, joined by ' > '. */
  name: string;
  /** The reason, or 'true' where the test gave none. */
  skipped?: string;
  /** The error's message and stack. */
  failure?: string;
}

/** Reads a line that the guest's reporter wrote. */
export function parseGuestResult(line: string): GuestResult {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || !('name' in value)) throw new Error(`no guest result: ${line}`);
  const result: GuestResult = { name: String(value.name) };
  if ('skipped' in value) result.skipped = String(value.skipped);
  if ('failure' in value) result.failure = String(value.failure);
  return result;
}
