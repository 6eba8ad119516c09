import type { Outcome } from '../vfio/bus/binding/bind.js';
import { bindingText, type BindingState } from '../vfio/bus/binding/binding-state.js';
import type { Plan } from '../vfio/bus/binding/plan.js';
import type { Recovery, RecoveryPlan } from '../vfio/bus/binding/recover.js';
import { type Step, stepCommand } from '../vfio/bus/binding/step.js';
import { VfioError } from '../vfio/errors.js';
import type { Cell, View } from '../views/view.js';

const conditions: Readonly<Record<NonNullable<Step['when']>, string>> = {
  known: 'only if new_id answers EEXIST',
  added: 'unless new_id answers EEXIST',
  taken: 'if new_id gave it to the driver',
};

/** A step as a line for the shell, with what it is for as a comment. */
function stepLine(step: Step): Cell {
  const condition = step.when === undefined ? '' : `${conditions[step.when]}: `;
  return [
    { text: `  ${stepCommand(step)}`, role: 'plain' },
    { text: `  # ${condition}${step.why}`, role: 'dim' },
  ];
}

function stepData(step: Step): object {
  const { device, action, file, bytes, why, expect, undo, when } = step;
  return {
    device: device.name,
    action,
    command: stepCommand(step),
    file,
    bytes,
    why,
    expect,
    undo,
    when: when ?? 'always',
  };
}

/** What would be done: each write to sysfs, in order, as the shell would make it. */
export function planView(plan: Plan): View {
  const { goal, device, changes, modules, steps, handOver, notes } = plan;
  const lines: Cell[] = [];
  if (steps.length === 0) lines.push(`${goal} ${device.name} would write nothing to sysfs: it is as it is to be`);
  else lines.push(`${goal} ${device.name} would do this, as root:`);
  for (const { name } of modules) {
    lines.push([
      { text: `  modprobe ${name}`, role: 'plain' },
      { text: '  # the driver is not there yet', role: 'dim' },
    ]);
  }
  lines.push(...steps.map(stepLine));
  if (handOver !== undefined) lines.push(`  chown ${handOver.user} its nodes in /dev/vfio`);
  lines.push(...changes.map(({ device: { name }, before }) => `now: ${name} is ${bindingText(before)}`), ...notes);
  const data = {
    goal,
    device: device.name,
    modules: modules.map(({ name }) => name),
    steps: steps.map(stepData),
    devices: changes.map(({ device: { name }, before, after }) => ({ device: name, before, after })),
    ...(handOver !== undefined && { handOver }),
    notes,
  };
  return { kind: 'text', lines, data };
}

/** What was done, and how things are now. */
export function outcomeView({ plan, loads, devices, nodes, notes }: Outcome): View {
  const { goal, device, handOver } = plan;
  const lines: string[] = loads.map(({ command, done, said }) => {
    const became = done ? 'done' : 'failed';
    return `${command}: ${said === '' ? became : `${became} (${said})`}`;
  });
  if (devices.length === 0) {
    lines.push(
      goal === 'bind' ? `${device.name}: it is bound like that already` : `${device.name}: there is nothing to release`,
    );
  }
  for (const {
    device: { name },
    before,
    now,
  } of devices)
    lines.push(`${name}: ${movement(before, now)}${unwanted(plan, name, now)}`);
  if (nodes.length > 0)
    lines.push(`${nodes.join(' and ')}${handOver === undefined ? '' : ` belong to ${handOver.user} now`}`);
  lines.push(...notes);
  const data = {
    goal,
    device: device.name,
    modules: loads,
    devices: devices.map(({ device: { name }, before, now }) => ({ device: name, before, now: now ?? null })),
    nodes,
    ...(handOver !== undefined && { handOver }),
    notes,
  };
  return { kind: 'text', lines, data };
}

/** Where the kernel was to look for a driver, and there is none now. */
function unwanted({ steps }: Plan, name: string, now: BindingState | undefined): string {
  const wasProbed = steps.some(({ action, device }) => action === 'probe' && device.name === name);
  return wasProbed && now?.driver === null ? ': no driver that is there wants it' : '';
}

function movement(before: BindingState, now: BindingState | undefined): string {
  if (now === undefined) return 'gone';
  return before.driver === now.driver && before.override === now.override
    ? bindingText(now)
    : `${bindingText(now)} (was ${bindingText(before)})`;
}

const nothingLeft: View = {
  kind: 'text',
  lines: ['no run was ended half way: there is nothing to recover'],
  data: { left: null },
};

export function recoveryPlanView(plan: RecoveryPlan | undefined): View {
  if (plan === undefined) return nothingLeft;
  const { left, stale, steps } = plan;
  const lines: Cell[] = [
    `a run (process ${left.pid}) that was to ${left.goal} ${names(left)} was ended half way`,
    stale
      ? 'that was before the last boot: there is nothing to do'
      : steps.length === 0
        ? 'nothing would be written to sysfs: things are as they are to be'
        : 'this would be done, as root:',
    ...steps.map(stepLine),
  ];
  return { kind: 'text', lines, data: { left, stale, steps: steps.map(stepData) } };
}

/** What became of what was left. Throws VfioError where something could not be put where it belongs. */
export function recoveryView(recovery: Recovery | undefined, direction: 'undo' | 'finish'): View {
  if (recovery === undefined) return nothingLeft;
  const { left, stale, arrivals } = recovery;
  const how = stale ? 'forgotten: that was before the last boot' : direction === 'undo' ? 'undone' : 'finished';
  const failed = arrivals.filter(({ failure }) => failure !== undefined);
  const lines = [
    `the run (process ${left.pid}) that was to ${left.goal} ${names(left)} was ended half way; ${failed.length > 0 ? 'not all of it could be ' : ''}${how}`,
    ...arrivals.map(({ device, now }) => `${device.name}: ${now === undefined ? 'gone' : bindingText(now)}`),
  ];
  if (failed.length > 0) {
    throw new VfioError({
      kind: 'kernel',
      operation: 'bind --recover',
      why: [...lines, ...failed.map(({ failure }) => failure?.message ?? '')].join('; '),
      hint: failed.map(({ device }) => `release ${device.name}`).join('; '),
    });
  }
  const devices = arrivals.map(({ device, now, steps }) => ({ device: device.name, now: now ?? null, steps }));
  return { kind: 'text', lines, data: { left, stale, direction, devices } };
}

function names({ changes }: Recovery['left']): string {
  return changes.map(({ device }) => device.name).join(', ');
}
