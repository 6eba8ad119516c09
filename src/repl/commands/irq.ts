import type { Histogram } from '../../vfio/histogram.js';
import type { Irq } from '../../vfio/irq.js';
import { monotonicNs } from '../../vfio/journal.js';
import { VfioError } from '../../vfio/errors.js';
import type { Column, View } from '../../views/view.js';
import { choice, defaulted, duration, integer, irqName, optional, toggle } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { ExpectationError } from '../usage-error.js';

const stateColumns: readonly Column[] = [
  { key: 'name', header: 'interrupt' },
  { key: 'index', header: 'index', align: 'right' },
  { key: 'vectors', header: 'vectors', align: 'right' },
  { key: 'state', header: 'state' },
  { key: 'count', header: 'count', align: 'right' },
  { key: 'rate', header: 'per second', align: 'right' },
  { key: 'says', header: 'VFIO says', shrink: true },
];

const statisticsColumns: readonly Column[] = [
  { key: 'name', header: 'vector' },
  { key: 'count', header: 'count', align: 'right' },
  { key: 'software', header: 'by software', align: 'right' },
  { key: 'rate', header: 'per second', align: 'right' },
  { key: 'min', header: 'interval min', align: 'right' },
  { key: 'median', header: 'median', align: 'right' },
  { key: 'p99', header: 'p99', align: 'right' },
  { key: 'max', header: 'max', align: 'right' },
  { key: 'latency', header: 'trigger to log', align: 'right' },
];

function text(...lines: string[]): View {
  return { kind: 'text', prose: true, lines };
}

/** What VFIO's flags say of an interrupt, in words. */
function says({ info }: Irq): string {
  const words = [
    info.eventfd ? 'eventfd' : 'no eventfd',
    ...(info.maskable ? ['maskable'] : []),
    ...(info.automasked ? ['masked by itself when it fires'] : []),
    ...(info.noResize ? ['fixed size once enabled'] : []),
  ];
  return words.join(', ');
}

/** What keeps a message-signalled interrupt from coming, where the config space shows it; one read of COMMAND. */
function quiet({ device }: Context<'device'>, irq: Irq): string | undefined {
  if ((irq.name !== 'msi' && irq.name !== 'msix') || device.gate.planning || device.readBusMaster() !== false)
    return undefined;
  return 'bus mastering is off, and a message-signalled interrupt is a write to memory: poke config.COMMAND 0x4:0x4';
}

function states(irq: Irq): string {
  const found = new Set(irq.vectors.map(({ number }) => irq.state(number)));
  return found.size === 0 ? 'off' : [...found].join(', ');
}

function list({ device }: Context<'device'>): View {
  const now = monotonicNs();
  device.irqs.drain();
  const rows = [...device.irqs].map((irq) => {
    const numbers = irq.vectors.map((vector) => vector.statistics(now));
    const kernel = irq.name === 'err' || irq.name === 'req';
    return {
      name: irq.names.join(' '),
      index: irq.index,
      enabled: irq.vectors.length,
      of: irq.info.count,
      state: kernel && !irq.enabled ? 'kernel notice' : states(irq),
      count: numbers.reduce((sum, { count }) => sum + count, 0n),
      rate: numbers.reduce((sum, { rate }) => sum + rate, 0),
      says: says(irq),
    };
  });
  return {
    kind: 'table',
    columns: stateColumns,
    rows: rows.map(({ enabled, of, index, count, rate, ...row }) => ({
      ...row,
      index: String(index),
      vectors: `${enabled} of ${of}`,
      count: String(count),
      rate: enabled === 0 ? '' : rate.toFixed(0),
    })),
    empty: 'the device has no interrupts',
    data: rows,
  };
}

/** Nanoseconds with a unit: '41 us'. */
function time(ns: number | undefined): string {
  if (ns === undefined) return '';
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} us`;
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`;
}

function spread(of: Histogram): { min?: number; median?: number; p99?: number; max?: number } {
  const { min, max } = of;
  const median = of.quantile(0.5);
  const p99 = of.quantile(0.99);
  return min === undefined || max === undefined || median === undefined || p99 === undefined
    ? {}
    : { min, median, p99, max };
}

function statistics({ device }: Context<'device'>, chosen: readonly Irq[]): View {
  const now = monotonicNs();
  device.irqs.drain();
  const data = chosen.flatMap((irq) =>
    irq.vectors.map((vector) => {
      const { count, software, rate, interval, latency } = vector.statistics(now);
      return {
        name: irq.label(vector.number),
        count,
        software,
        rate,
        interval: spread(interval),
        latency: spread(latency),
      };
    }),
  );
  const { events, signals } = device.irqs.dropped;
  // Of dozens of vectors a few are at work: the others would push them off the screen.
  const heard = data.filter(({ count }) => count > 0n);
  const rows = heard.length === 0 ? data : heard;
  const table: View = {
    kind: 'table',
    columns: statisticsColumns,
    rows: rows.map(({ name, count, software, rate, interval, latency }) => ({
      name,
      count: String(count),
      software: String(software),
      rate: rate.toFixed(0),
      min: time(interval.min),
      median: time(interval.median),
      p99: time(interval.p99),
      max: time(interval.max),
      latency: time(latency.median),
    })),
    empty: 'no interrupt is enabled',
    data,
  };
  const notes: string[] = [];
  if (rows.length < data.length) notes.push(`${data.length - rows.length} more vectors had no signal`);
  if (events > 0n)
    notes.push(
      `the event ring was full: ${events} events with ${signals} signals are counted above but not in the log`,
    );
  return notes.length === 0 ? table : { kind: 'all', views: [table, text(...notes)] };
}

const vectorArgument = optional(integer('the vector; all of them, if left out', { least: 0 }));

export const commands = [
  defineCommand({
    name: 'irq',
    group: 'interrupts',
    summary: 'list the interrupts: vectors, state, counts and rates',
    details:
      'off: no eventfd. armed: enabled and unmasked. pending: masked by itself when it fired; irq unmask re-arms it. masked: by irq ' +
      'mask, or by the storm guard. err and req are notices of the kernel (an AER error; give the device back), armed at open.',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'irq', says: 'every interrupt of the device', device: 'sim:edu' }],
    run: (context): View => list(context),
  }),

  defineCommand({
    name: 'irq enable',
    group: 'interrupts',
    summary: 'give an interrupt eventfds and switch it on',
    arguments: {
      irq: irqName('the interrupt'),
      vectors: optional(integer('how many vectors, from 0 on; all, if left out', { least: 1 })),
    },
    flags: {},
    effect: 'irq',
    needs: 'device',
    examples: [
      { line: 'irq enable msi', says: 'every MSI vector', device: 'sim:edu' },
      { line: 'irq enable msix 4', says: 'the first four MSI-X vectors', device: 'sim:sram' },
    ],
    run(context, { arguments: { irq: name, vectors } }): View {
      const irq = context.device.irqs.find(name);
      irq.enable(vectors);
      const note = quiet(context, irq);
      return text(
        `${irq.name}: ${irq.vectors.length} of ${irq.info.count} vectors enabled`,
        ...(note === undefined ? [] : [`note: ${note}`]),
      );
    },
    toJs: ({ arguments: { irq, vectors } }) => `device.irqs.find('${irq}').enable(${vectors ?? ''})`,
  }),

  defineCommand({
    name: 'irq disable',
    group: 'interrupts',
    summary: 'switch an interrupt off, or all of them',
    arguments: { irq: optional(irqName('the interrupt; all, if left out')) },
    flags: {},
    effect: 'irq',
    needs: 'device',
    examples: [
      { line: 'irq disable msi', says: 'tear its vectors down', device: 'sim:edu', after: ['irq enable msi'] },
    ],
    run({ device }, { arguments: { irq: name } }): View {
      const chosen = name === undefined ? [...device.irqs].filter(({ enabled }) => enabled) : [device.irqs.find(name)];
      for (const irq of chosen) irq.disable();
      return text(
        chosen.length === 0 ? 'no interrupt was enabled' : `${chosen.map((irq) => irq.name).join(', ')}: off`,
      );
    },
    toJs: ({ arguments: { irq } }) =>
      irq === undefined ? 'for (const irq of device.irqs) irq.disable()' : `device.irqs.find('${irq}').disable()`,
  }),

  defineCommand({
    name: 'irq mask',
    group: 'interrupts',
    summary: 'mask an interrupt, where VFIO can',
    arguments: { irq: irqName('the interrupt'), vector: vectorArgument },
    flags: {},
    effect: 'irq',
    needs: 'device',
    examples: [
      { line: 'irq mask intx', says: 'keep the line from interrupting', device: 'sim:edu', after: ['irq enable intx'] },
    ],
    run({ device }, { arguments: { irq: name, vector } }): View {
      const irq = device.irqs.find(name);
      irq.mask(vector);
      return text(`${vector === undefined ? irq.name : irq.label(vector)}: masked`);
    },
    toJs: ({ arguments: { irq, vector } }) => `device.irqs.find('${irq}').mask(${vector ?? ''})`,
  }),

  defineCommand({
    name: 'irq unmask',
    group: 'interrupts',
    summary: 'unmask an interrupt: after it fired, after irq mask, or after a storm',
    arguments: { irq: irqName('the interrupt'), vector: vectorArgument },
    flags: {},
    effect: 'irq',
    needs: 'device',
    examples: [
      { line: 'irq unmask intx', says: 're-arm a level interrupt', device: 'sim:edu', after: ['irq enable intx'] },
    ],
    run({ device }, { arguments: { irq: name, vector } }): View {
      const irq = device.irqs.find(name);
      irq.unmask(vector);
      return text(`${vector === undefined ? irq.name : irq.label(vector)}: unmasked`);
    },
    toJs: ({ arguments: { irq, vector } }) => `device.irqs.find('${irq}').unmask(${vector ?? ''})`,
  }),

  defineCommand({
    name: 'irq trigger',
    group: 'interrupts',
    summary: "signal an interrupt by software, VFIO's loopback: the device takes no part",
    details:
      'The signal goes through the eventfd, the pump thread and the log, and is marked "software" wherever it shows.',
    arguments: { irq: irqName('the interrupt'), vector: defaulted(integer('the vector', { least: 0 }), 0) },
    flags: {},
    effect: 'irq',
    needs: 'device',
    examples: [
      {
        line: 'irq trigger msix 3',
        says: 'try the path without the device',
        device: 'sim:sram',
        after: ['irq enable msix'],
      },
    ],
    run({ device }, { arguments: { irq: name, vector } }): View {
      const irq = device.irqs.find(name);
      irq.trigger(vector);
      return text(`${irq.label(vector)}: triggered by software, not by the device`);
    },
    toJs: ({ arguments: { irq, vector } }) => `device.irqs.find('${irq}').trigger(${vector})`,
  }),

  defineCommand({
    name: 'irq wait',
    group: 'interrupts',
    summary: 'wait for signals of an interrupt',
    details:
      'Takes the signals that no earlier irq wait has taken, those that came before it too, so that none is missed between a poke and ' +
      'its wait; --fresh ignores what came before. In a script a time-out is an expectation that failed: exit code 3.',
    arguments: {
      irq: irqName('the interrupt'),
      vector: optional(integer('the vector; any, if left out', { least: 0 })),
    },
    flags: {
      count: defaulted(integer('how many signals', { least: 1 }), 1),
      timeout: defaulted(duration('how long to wait'), 1000),
      fresh: toggle('only signals from now on'),
    },
    // It changes nothing. Where nothing comes it reads COMMAND, to tell whether anything can.
    effect: 'read',
    needs: 'device',
    checks: true,
    examples: [
      {
        line: 'irq wait msi --timeout 1s',
        says: 'the interrupt that edu raises when it is asked to',
        device: 'sim:edu',
        after: ['poke config.COMMAND 0x4:0x4', 'irq enable msi', 'poke region0 0x60 0x1'],
      },
    ],
    async run(context, { arguments: { irq: name, vector }, flags }): Promise<View | void> {
      const { device, signal } = context;
      const irq = device.irqs.find(name);
      if (!device.gate.admit('poll', `wait for ${irq.name}`)) return;
      const options = { count: flags.count, timeoutMs: flags.timeout, signal, fresh: flags.fresh };
      try {
        const event = await irq.wait({ ...options, ...(vector !== undefined && { vector }) });
        const by =
          event.software === 0n
            ? ''
            : event.software === event.count
              ? ' (software)'
              : ` (${event.software} by software)`;
        const times = event.count === 1n ? '' : ` x ${event.count}`;
        return text(`${irq.label(event.vector)}${times}${by}`);
      } catch (error) {
        if (error instanceof VfioError && error.kind === 'timeout')
          throw new ExpectationError(error.message, quiet(context, irq) ?? error.details.hint);
        throw error;
      }
    },
    toJs({ arguments: { irq, vector }, flags: { count, timeout, fresh } }) {
      const which = vector === undefined ? '' : `vector: ${vector}, `;
      return `await device.irqs.find('${irq}').wait({ ${which}count: ${count}, timeoutMs: ${timeout}${fresh ? ', fresh: true' : ''} })`;
    },
  }),

  defineCommand({
    name: 'irq stats',
    group: 'interrupts',
    summary: 'counts, rates, and the time from one signal to the next',
    details:
      'Intervals are between the times that the pump thread took. "trigger to log" is the median time from irq trigger to that time. ' +
      'Medians and p99 are right to 6 %, minimum and maximum exact.',
    arguments: { irq: optional(irqName('the interrupt; all, if left out')) },
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'irq stats', says: 'every enabled vector', device: 'sim:edu' }],
    run(context, { arguments: { irq: name } }): View {
      const { irqs } = context.device;
      return statistics(context, name === undefined ? [...irqs] : [irqs.find(name)]);
    },
  }),

  defineCommand({
    name: 'irq rearm',
    group: 'interrupts',
    summary: 'choose whether a level interrupt is unmasked by itself after it fires',
    arguments: { irq: irqName('the interrupt'), mode: choice('auto unmasks after each signal', ['auto', 'manual']) },
    flags: {},
    effect: 'irq',
    needs: 'device',
    examples: [
      {
        line: 'irq rearm intx auto',
        says: 'count every assertion of the line',
        device: 'sim:edu',
        after: ['irq enable intx'],
      },
    ],
    run({ device }, { arguments: { irq: name, mode } }): View {
      const irq = device.irqs.find(name);
      irq.rearm = mode;
      const by = irq.resamples ? ', by an eventfd that VFIO watches' : '';
      return text(`${irq.name}: re-armed ${mode === 'auto' ? `after each signal${by}` : 'by irq unmask'}`);
    },
    toJs: ({ arguments: { irq, mode } }) => `device.irqs.find('${irq}').rearm = '${mode}'`,
  }),

  defineCommand({
    name: 'irq storm',
    group: 'interrupts',
    summary: 'show or set the rate at which the storm guard masks an interrupt',
    arguments: { rate: optional(integer('signals a second; 0 switches the guard off', { least: 0 })) },
    flags: {},
    effect: 'none',
    needs: 'device',
    examples: [{ line: 'irq storm 50000', says: 'let a fast device have its way', device: 'sim:sram' }],
    run({ device: { irqs } }, { arguments: { rate } }): View {
      if (rate !== undefined) irqs.guard = { signals: rate === 0 ? Infinity : rate, withinMs: 1000 };
      const { signals, withinMs } = irqs.guard;
      return text(
        signals === Infinity
          ? 'the storm guard is off'
          : `an interrupt is masked above ${signals} signals in ${withinMs / 1000} s`,
      );
    },
  }),
];
