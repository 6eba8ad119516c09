const milliseconds: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 };

/** The longest that a timer of Node waits, in milliseconds (24.8 days): it takes longer ones for 1 ms. */
const LONGEST = 2 ** 31 - 1;

/** 500us, 100ms, 1s, 1.5s, 2m, up to 24 days: milliseconds as a number. */
export function parseDuration(text: string): number | undefined {
  const found = /^([0-9]{1,9}(?:\.[0-9]{1,6})?)(us|ms|s|m|h)$/.exec(text);
  const unit = milliseconds[found?.[2] ?? ''];
  const duration = unit === undefined ? undefined : Number(found?.[1]) * unit;
  return duration === undefined || duration > LONGEST ? undefined : duration;
}
