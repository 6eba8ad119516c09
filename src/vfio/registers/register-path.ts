/** One step of a register's path: FIFO[3] is { name: 'FIFO', index: 3 }. */
export interface PathStep {
  readonly name: string;
  readonly index?: number;
}

/** Steps as a path is written: 'CH[2].STATUS'. */
export function pathText(steps: readonly PathStep[]): string {
  return steps.map(({ name, index }) => (index === undefined ? name : `${name}[${index}]`)).join('.');
}

/**
 * Whether `name` fits `pattern`, in which `*` stands for any characters and `?` for one; without regard to case. An index may be left out: CH
 * fits CH[2]. Takes time in proportion to both lengths' product at the most, whatever they hold.
 */
export function fitsStep(name: string, pattern: string): boolean {
  const [upper, wanted] = [name.toUpperCase(), pattern.toUpperCase()];
  if (fits(upper, wanted)) return true;
  const bracket = upper.indexOf('[');
  return bracket > 0 && fits(upper.slice(0, bracket), wanted);
}

function fits(text: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  // Where the last `*` stood, and how far it has reached: what fails behind it is tried again one character further on.
  let star = -1;
  let reached = 0;
  while (at < text.length) {
    const wanted = pattern[next];
    if (wanted === '*') {
      star = next;
      reached = at;
      next += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      reached += 1;
      at = reached;
      next = star + 1;
    } else return false;
  }
  while (pattern[next] === '*') next += 1;
  return next === pattern.length;
}
