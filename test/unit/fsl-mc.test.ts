import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planBind } from '../../src/vfio/bus/binding/bind-plan.js';
import { stepCommand } from '../../src/vfio/bus/binding/step.js';
import { listDevices } from '../../src/vfio/bus/list.js';
import { openKernelDevice } from '../../src/vfio/bus/open.js';
import { diagnose } from '../../src/vfio/doctor/doctor.js';
import { VfioError } from '../../src/vfio/errors.js';
import { binding, failing, withKernel } from './binding-fixture.js';
import type { FakeKernel } from './fake-kernel.js';

/** A board with a network interface in the root container, and one with a queue in a container of its own. */
function withObjects(kernel: FakeKernel): FakeKernel {
  const object = (name: string, driver: string, within: string, group: string): unknown =>
    kernel.device({ bus: 'fsl-mc', name, driver, within, group });
  kernel
    .driver('fsl-mc', 'fsl_mc_dprc', ['dprc.2'])
    .driver('fsl-mc', 'fsl_dpaa2_eth', ['dpni.1', 'dpni.2'])
    .driver('fsl-mc', 'fsl_mc_dpio', ['dpio.3'])
    .driver('fsl-mc', 'vfio-fsl-mc')
    .device({ bus: 'fsl-mc', name: 'dprc.1', driver: 'fsl_mc_dprc', group: '3' });
  object('dpni.1', 'fsl_dpaa2_eth', 'dprc.1', '3');
  object('dprc.2', 'fsl_mc_dprc', 'dprc.1', '4');
  object('dpni.2', 'fsl_dpaa2_eth', 'dprc.1/dprc.2', '4');
  object('dpio.3', 'fsl_mc_dpio', 'dprc.1/dprc.2', '4');
  return kernel;
}

test(
  'the list names the container that has to be bound for what lies in it',
  withKernel(async (kernel) => {
    const { roots } = withObjects(kernel);
    const listed = listDevices(roots).map(
      ({ name, obstacles }) => `${name}: ${obstacles.map(({ brief }) => brief).join()}`,
    );
    assert.deepEqual(listed, [
      'dpio.3: bind dprc.2',
      'dpni.1: root container',
      'dpni.2: bind dprc.2',
      'dprc.1: root container',
      'dprc.2: bind first',
    ]);
  }),
);

test(
  'bind refuses an object and names its container, or how it comes into one that can be bound; so does opening it',
  withKernel(async (kernel) => {
    const { roots } = withObjects(kernel);
    const tool = binding(kernel);
    const inner = await failing(tool.bind('dpni.2', { wholeGroup: true, force: true }));
    assert.equal(inner.kind, 'unsupported');
    assert.match(
      inner.why,
      /with the container that they lie in, and it lies in dprc\.2, which is bound to fsl_mc_dprc/,
    );
    assert.equal(inner.hint, 'as root: vfiodbg bind dprc.2');
    const outer = await failing(tool.bind('dpni.1'));
    assert.match(outer.why, /the root container dprc\.1, which Linux keeps/);
    assert.match(outer.hint ?? '', /restool dprc assign dprc\.1 --object=dpni\.1 --child=dprc\.N/);
    assert.match((await failing(tool.bind('dprc.1'))).why, /it is the root container/);
    assert.deepEqual(kernel.writes, []);
    assert.throws(
      () => openKernelDevice('dpni.2', { roots }),
      (error) => error instanceof VfioError && error.details.hint === 'as root: vfiodbg bind dprc.2',
    );
    const { steps } = await tool.plan('dpni.1', { driver: 'fsl_mc_dpio' });
    assert.ok(steps.length > 0, 'what is no driver of VFIO may have it');
  }),
);

test(
  'a container is bound without its objects being touched: the kernel gives them to the driver with it',
  withKernel(async (kernel) => {
    withObjects(kernel);
    const { machine, bind, release } = binding(kernel);
    for (const wholeGroup of [false, true]) {
      const request = { address: 'dprc.2', wholeGroup, method: 'override', force: false } as const;
      const { steps, notes } = await planBind(request, machine.state, machine.roots);
      assert.deepEqual(
        steps.map((step) => stepCommand(step).replaceAll(`${kernel.roots.sys}/bus/fsl-mc/`, '')),
        [
          'echo vfio-fsl-mc > devices/dprc.2/driver_override',
          'echo dprc.2 > drivers/fsl_mc_dprc/unbind',
          'echo dprc.2 > drivers/vfio-fsl-mc/bind',
        ],
      );
      assert.deepEqual(notes, ['what is in it goes with it: dpio.3, dpni.2']);
    }
    const before = kernel.state();
    await bind('dprc.2');
    const bound = listDevices(kernel.roots).find(({ name }) => name === 'dpni.2');
    assert.match(
      bound?.obstacles[0]?.hint ?? '',
      /vfiodbg bind dpni\.2$/,
      'its container has been bound: now it counts',
    );
    await release('dprc.2');
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'doctor names the container, and does not count what goes with it as in the way',
  withKernel(async (kernel) => {
    const { roots } = withObjects(kernel);
    const check = async (device: string, name: string): Promise<string> => {
      const { checks } = await diagnose(device, { roots, bindings: kernel.root });
      const found = checks.find((one) => one.name === name);
      return [found?.verdict, found?.found, found?.remedy].join(' | ');
    };
    assert.match(await check('dpni.2', 'driver'), /^fail .*lies in dprc\.2.*\| as root: vfiodbg bind dprc\.2$/);
    assert.equal(await check('dpni.2', 'group members'), 'skip | it goes with its container dprc.2 | ');
    assert.match(await check('dprc.2', 'driver'), /^fail \| it is bound to the driver fsl_mc_dprc.* bind dprc\.2$/);
    assert.match(await check('dprc.2', 'group members'), /^pass \| dpio\.3, dpni\.2 are in its group/);
  }),
);
