import { VfioError } from '../../vfio/errors.js';
import { findDevice } from '../../vfio/bus/bus-device.js';
import { bindDevice, releaseDevice } from '../../vfio/bus/binding/bind.js';
import { planBind } from '../../vfio/bus/binding/bind-plan.js';
import { type BindingMachine, type Requester, systemMachine } from '../../vfio/bus/binding/machine.js';
import { planRecovery, recoverBindings } from '../../vfio/bus/binding/recover.js';
import { planRelease } from '../../vfio/bus/binding/release-plan.js';
import type { View } from '../../views/view.js';
import { busDevice, choice, defaulted, optional, text, toggle } from '../arguments.js';
import { outcomeView, planView, recoveryPlanView, recoveryView } from '../binding-views.js';
import { type Context, defineCommand } from '../command.js';
import { UsageError } from '../usage-error.js';

/** The user at the other end: what is done goes to the session's journal, Ctrl-C calls it off. */
function requesterOf(context: Context): Requester {
  return {
    note: (line, data) => context.session.note('bind', line, data),
    progress: (line) => context.progress(line),
    notice: (line) => context.session.output.notice(line),
    signal: context.signal,
  };
}

/** Throws where this very session has the device open: the kernel would wait for it. */
function refuseOpen(context: Context, operation: string, name: string): void {
  const open = context.session.devices.find((device) => device.name === name && device.gate.lost === undefined);
  if (open === undefined) return;
  throw new VfioError({
    kind: 'busy',
    operation,
    device: name,
    why: 'it is open in this session',
    hint: `close ${name}`,
  });
}

async function recover(context: Context, finish: boolean, machine: BindingMachine): Promise<View> {
  const direction = finish ? 'finish' : 'undo';
  if (context.dryRun) return recoveryPlanView(planRecovery(direction, machine));
  return recoveryView(await recoverBindings(direction, machine, requesterOf(context)), direction);
}

export const commands = [
  defineCommand({
    name: 'bind',
    group: 'devices',
    summary: 'take a device from its driver and give it to VFIO',
    details:
      'Sets driver_override, unbinds the driver that has the device and binds the other one; the module is loaded if it is not there. Each write is written ' +
      'down on disk before it is made and looked at behind it; if one fails, all are undone. -n shows every write and makes none. `release` gives the device ' +
      'back as it was. A device that carries a mounted disk, the default route or the console is refused, and so is one whose IOMMU group has other ' +
      'devices with drivers: --whole-group takes them too. --method new_id gives the driver the ids of a PCI device for a moment in place of the override, for ' +
      'kernels without one. --user gives the nodes in /dev/vfio to a user. --recover undoes what a run that was killed half way has left; with --finish it ' +
      'brings it to its end.',
    arguments: { device: optional(busDevice('the device: 0000:01:00.0, 9010000.pl031')) },
    flags: {
      driver: optional(
        text('the driver that is to have it; by default vfio-pci, vfio-platform or vfio-amba by its bus', 'DRIVER'),
      ),
      wholeGroup: toggle('take the other devices of its IOMMU group as well'),
      method: defaulted(choice('how the driver is made to take it', ['override', 'new_id']), 'override'),
      user: optional(text('who is to own its nodes in /dev/vfio', 'USER')),
      force: toggle('though it is in use, or of no use without the others of its group'),
      recover: toggle('undo what a killed run has left'),
      finish: toggle('with --recover: finish it instead'),
    },
    effect: 'bind',
    needs: 'nothing',
    plans: true,
    examples: [
      { line: 'bind 0000:01:00.0 -n', says: 'every write that it would make', untested: 'it needs that device' },
      {
        line: 'bind 9010000.pl031',
        says: 'give the RTC of an Arm board to vfio-amba',
        untested: 'it needs that device',
      },
      {
        line: 'bind 01:00.0 --whole-group --user me',
        says: 'with its IOMMU group, for a user',
        untested: 'it needs that device',
      },
    ],
    async run(context, { arguments: { device: address }, flags }): Promise<View> {
      const { recover: recovering, finish, wholeGroup, method, force, driver, user } = flags;
      const machine = systemMachine();
      if (recovering) {
        if (address !== undefined)
          throw new UsageError('--recover takes no device', undefined, 'it knows which were left');
        return recover(context, finish, machine);
      }
      if (finish) throw new UsageError('--finish goes with --recover');
      if (address === undefined) throw new UsageError('DEVICE is missing', undefined, 'devices lists what there is');
      if (method === 'new_id' && wholeGroup) {
        throw new UsageError('new_id is for one device at a time', undefined, 'leave --method new_id out');
      }
      const request = {
        address,
        wholeGroup,
        method,
        force,
        ...(driver !== undefined && { driver }),
        ...(user !== undefined && { user }),
      };
      const plan = await planBind(request, machine.state, machine.roots);
      if (context.dryRun) return planView(plan);
      for (const { device } of plan.changes) refuseOpen(context, 'bind', device.name);
      return outcomeView(await bindDevice(request, machine, requesterOf(context)));
    },
  }),

  defineCommand({
    name: 'release',
    group: 'devices',
    summary: 'give a device that was bound back to the driver that it had',
    details:
      'Restores the driver and the driver_override that were there before `bind`, from what it wrote down. Without such a record it clears the override ' +
      'and lets the kernel look for a driver. A device that somebody has open is refused: the kernel would wait for them.',
    arguments: { device: busDevice('the device') },
    flags: {
      wholeGroup: toggle('give back the others of its IOMMU group as well, where bind has taken them'),
      force: toggle('though somebody has it open: the kernel asks for it, and waits'),
    },
    effect: 'bind',
    needs: 'nothing',
    plans: true,
    examples: [
      { line: 'release 0000:01:00.0', says: 'back to the driver that it had', untested: 'it needs that device' },
      { line: 'release 0000:01:00.0 -n', says: 'the writes that it would make', untested: 'it needs that device' },
    ],
    async run(context, { arguments: { device: address }, flags: { force, wholeGroup } }): Promise<View> {
      const machine = systemMachine();
      // Said before anything else: of those who have it open this session is the one that can help it.
      refuseOpen(context, 'release', findDevice(address, machine.roots, 'release').name);
      const request = { address, force, wholeGroup };
      // Before the plan, which knows only that some process has it.
      refuseOpen(context, 'release', (await context.session.find(address))?.name ?? address);
      const plan = planRelease(request, machine.state, machine.roots);
      if (context.dryRun) return planView(plan);
      for (const { device } of plan.changes) refuseOpen(context, 'release', device.name);
      return outcomeView(await releaseDevice(request, machine, requesterOf(context)));
    },
  }),
];
