import type { Diagnosis, Examined } from '../vfio/doctor/doctor.js';
import { countText } from './numbers.js';
import type { Column, Role, Span, View } from './view.js';

const columns: readonly Column[] = [
  { key: 'verdict', header: '' },
  { key: 'check', header: '' },
  { key: 'found', header: '', shrink: true },
];

const verdicts: Readonly<Record<Examined['verdict'], readonly [text: string, role: Role]>> = {
  pass: ['ok', 'good'],
  warn: ['warn', 'warning'],
  fail: ['FAIL', 'fault'],
  skip: ['-', 'dim'],
};

export interface DiagnosisOptions {
  /** What does not apply as well, and where each check looked. */
  readonly all: boolean;
}

/** The checks of a machine, then those of a device, each with its remedy below it. */
export function diagnosisView({ device, checks }: Diagnosis, { all }: DiagnosisOptions): View {
  const shown = all ? checks : checks.filter(({ verdict }) => verdict !== 'skip');
  const left = checks.filter((check) => !shown.includes(check)).map(({ name }) => name);
  const count = (verdict: Examined['verdict']): number => checks.filter((check) => check.verdict === verdict).length;
  const summary = { pass: count('pass'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
  const parts = [`${summary.pass} ok`, countText(summary.warn, 'warning'), `${summary.fail} failed`];
  // Names of both tables side by side: the widest name of all is in each.
  const width = Math.max(...shown.map(({ name }) => name.length), 0);
  const tables = (['machine', 'device'] as const).flatMap((about): View[] => {
    const rows = shown.filter((check) => check.about === about).flatMap((check) => rowsOf(check, width, all));
    const title = about === 'machine' ? 'this machine' : (device ?? '');
    return rows.length === 0 ? [] : [{ kind: 'table', title, columns, rows }];
  });
  const lines = [
    ...(left.length > 0 ? [`nothing to say about ${left.join(', ')} (--all says why)`] : []),
    parts.join(', '),
  ];
  return {
    kind: 'all',
    views: [...tables, { kind: 'text', lines, prose: true }],
    data: { kind: 'diagnosis', device: device ?? null, checks, summary },
  };
}

type Row = Readonly<Record<'verdict' | 'check' | 'found', string | readonly Span[]>>;

function rowsOf({ name, verdict, found, remedy, lookedAt }: Examined, width: number, all: boolean): Row[] {
  const [text, role] = verdicts[verdict];
  const more = (what: string, as: Role): Row => ({ verdict: '', check: '', found: [{ text: what, role: as }] });
  return [
    { verdict: [{ text: text.padEnd(4), role }], check: name.padEnd(width), found },
    ...(remedy === undefined ? [] : [more(`try: ${remedy}`, 'good')]),
    ...(all && lookedAt.length > 0 ? [more(`looked at ${lookedAt.join(', ')}`, 'dim')] : []),
  ];
}
