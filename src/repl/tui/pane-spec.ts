import * as v from 'valibot';

/** The panes that are more than a command line. */
export const builtInPanes = ['registers', 'memory', 'interrupts', 'iommu'] as const;
export type BuiltInPane = (typeof builtInPanes)[number];

/** Milliseconds between two looks of a pane at the least. */
export const LEAST_PERIOD = 50;

const every = v.pipe(v.number(), v.integer(), v.minValue(LEAST_PERIOD), v.maxValue(3_600_000));

/** One pane as it is saved: what it shows, and how many milliseconds lie between two looks. */
export const paneSpec = v.union([
  v.object({ pane: v.picklist(builtInPanes), every }),
  v.object({
    pane: v.literal('command'),
    name: v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/)),
    line: v.string(),
    every,
  }),
]);
export type PaneSpec = v.InferOutput<typeof paneSpec>;

/** What a pane is called: a built-in one by what it is. */
export function nameOf(spec: PaneSpec): string {
  return spec.pane === 'command' ? spec.name : spec.pane;
}

/** What is there when nothing was saved. */
export const initialPanes: readonly PaneSpec[] = [
  { pane: 'registers', every: 500 },
  { pane: 'memory', every: 500 },
  { pane: 'interrupts', every: 250 },
  { pane: 'iommu', every: 1000 },
];
