import { type FailureDetails, VfioError } from '../../errors.js';
import { describeDevice } from '../bus-device.js';
import { noGroup } from '../iommu-absence.js';
import { noResetFunction } from '../reset-function.js';
import type { Roots } from '../roots.js';
import { bindingText, type BindingState, type Place } from './binding-state.js';
import { groupUsesOf } from './in-use.js';
import { stepCommand, type Step } from './step.js';

/** The device was unplugged, or removed by hand, while it was being worked on. */
export function vanished(operation: string, { name }: Place): VfioError {
  return new VfioError({
    kind: 'lost',
    operation,
    device: name,
    why: 'the device vanished half way: it was unplugged or removed, and there is nothing to give back',
    hint: '`devices` shows what there is now',
  });
}

/** The kernel refused a step. */
export function refusedStep(
  operation: string,
  step: Step,
  errno: string,
  log: readonly string[],
  roots: Roots,
): VfioError {
  const { kind, why, hint } = meaningOf(step, errno, log, roots);
  return new VfioError({
    kind,
    operation,
    device: step.device.name,
    errno,
    why: `${why}: \`${stepCommand(step)}\`${logText(log)}`,
    hint: hint ?? `the end of dmesg may tell more`,
  });
}

/** The kernel took a step, and yet the device is not as it has to be. */
export function mismatch(
  operation: string,
  step: Step,
  now: BindingState,
  log: readonly string[],
  roots: Roots,
): VfioError {
  const { hint } = adviceFor(step, log, roots) ?? {};
  return new VfioError({
    kind: 'kernel',
    operation,
    device: step.device.name,
    why: `the kernel took \`${stepCommand(step)}\`, and yet the device is ${bindingText(now)}${logText(log)}`,
    hint: hint ?? 'the end of dmesg may tell more; something else may bind devices at the same time',
  });
}

function logText(log: readonly string[]): string {
  return log.length === 0 ? '' : `; the kernel's log says: ${log.join(' / ')}`;
}

type Meaning = Pick<FailureDetails, 'kind' | 'why' | 'hint'>;

function meaningOf(step: Step, errno: string, log: readonly string[], roots: Roots): Meaning {
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    return { kind: 'permission', why: 'the kernel does not allow it', hint: 'run as root, outside of a container' };
  }
  const advice = adviceFor(step, log, roots);
  if (advice !== undefined) return advice;
  const { action, device } = step;
  if (action === 'bind' && errno === 'ENODEV') {
    return { kind: 'unsupported', why: 'the driver does not want this device', hint: 'is it the right driver?' };
  }
  if (action === 'bind' && errno === 'EAGAIN') {
    return {
      kind: 'busy',
      why: 'the driver waits for something that is not there yet (a clock, a regulator, an IOMMU)',
    };
  }
  if (action === 'bind' && errno === 'EBUSY') {
    const uses = groupUsesOf(describeDevice(device.bus, device.name, roots), roots);
    return uses.length > 0
      ? { kind: 'busy', why: `${uses.join('; ')}, and no other driver gets a part of it until then`, hint: 'close it' }
      : { kind: 'busy', why: 'the driver refuses the device for now: it, or its IOMMU group, is in use' };
  }
  if (action === 'bind') return { kind: 'kernel', why: "the driver's probe failed" };
  if (action === 'unbind' && errno === 'ENODEV') {
    return {
      kind: 'busy',
      why: `the driver does not have ${device.name} any more: something else binds devices at the same time`,
    };
  }
  return { kind: 'kernel', why: 'the kernel refused a write' };
}

/** What is known to stand between a VFIO driver and a device, where it does. */
function adviceFor({ action, device, expect }: Step, log: readonly string[], roots: Roots): Meaning | undefined {
  if (action !== 'bind' && action !== 'new_id' && action !== 'probe') return undefined;
  if (expect.driver === undefined || expect.driver === null || !expect.driver.includes('vfio')) return undefined;
  const described = describeDevice(device.bus, device.name, roots);
  const reset = log.some((line) => line.includes('reset')) ? noResetFunction(described, roots) : undefined;
  if (reset !== undefined) return { kind: 'unsupported', ...reset };
  const absence = noGroup(described, roots);
  return absence === undefined ? undefined : { kind: 'absent', ...absence };
}
