const bars = '▁▂▃▄▅▆▇█';

/** Values as bars of one row, the highest as high as can be; nothing is a blank. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(0, ...values);
  return values
    .map((value) => (value <= 0 ? ' ' : (bars[Math.max(0, Math.ceil((value / most) * bars.length) - 1)] ?? ' ')))
    .join('');
}
