import { diagnosisView } from '../../views/diagnosis-view.js';
import { countText } from '../../views/numbers.js';
import type { View } from '../../views/view.js';
import { diagnose } from '../../vfio/doctor/doctor.js';
import { deviceAddress, optional, toggle } from '../arguments.js';
import { defineCommand } from '../command.js';
import { ExpectationError } from '../usage-error.js';

export const commands = [
  defineCommand({
    name: 'doctor',
    group: 'devices',
    summary: 'check all that opening a device needs, and say what to do about what is missing',
    details:
      'Looks at the kernel and its modules, the IOMMU, the device nodes and who may open them, limits, and of DEVICE (the current one, if left ' +
      'out) its IOMMU group, interrupt isolation, driver, reset function, users and power. Each check passes, warns or fails, with the command or ' +
      'parameter that changes it. It reads sysfs and /proc and looks at the rights of files in /dev: nothing is opened, written or loaded, and no ' +
      'device is touched. A check that fails is an expectation that failed: exit code 3 in a script; warnings are none.',
    arguments: { device: optional(deviceAddress('the device to open; none: the current one, or the machine alone')) },
    flags: { all: toggle('show what does not apply as well, and the files that each check looked at') },
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'doctor sim:edu', says: 'what a simulated device needs' },
      { line: 'doctor 0000:01:00.0', says: 'what is in the way of a PCI device', untested: 'needs that device' },
      { line: 'doctor', says: 'the machine alone', untested: 'not every machine has an IOMMU' },
    ],
    async *run(context, { arguments: { device: address }, flags }): AsyncGenerator<View> {
      const diagnosis = await diagnose(address ?? context.session.device?.name, {
        roots: context.session.roots,
      });
      yield diagnosisView(diagnosis, flags);
      const failed = diagnosis.checks.filter(({ verdict }) => verdict === 'fail');
      if (failed.length === 0) return;
      const names = failed.map(({ name }) => name).join(', ');
      throw new ExpectationError(`${countText(failed.length, 'check')} failed: ${names}`);
    },
  }),
];
