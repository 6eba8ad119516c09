import { extname } from 'node:path';
import type { AppliedProfile } from '../../vfio/profile/apply.js';
import type { KnownProfile } from '../../vfio/profile/catalog.js';
import type { ProfileDescription, RegisterSource } from '../../vfio/profile/description.js';
import { type DeviceIdentity, identityWithNode, readIdentity } from '../../vfio/profile/identity.js';
import { identityText, matchText } from '../../vfio/profile/match-text.js';
import { registersIn } from '../../vfio/registers/register-map.js';
import type { Device } from '../../vfio/device.js';
import type { FieldsView, View } from '../../views/view.js';
import { file, optional, profileName, toggle } from '../arguments.js';
import { defineCommand } from '../command.js';
import { UsageError } from '../usage-error.js';
import { refuseLoss, replace } from '../kept-file.js';
import { WholeFile } from '../whole-file.js';

type Fields = FieldsView['fields'];

/** A field for each line, the label before the first; none where there are no lines. */
function lines(label: string, values: readonly string[]): Fields {
  return values.map((value, nth) => ({ label: nth === 0 ? label : '', value }));
}

/** 'region0: ctrl, regs' */
function namesOf(names: Iterable<readonly [string, string | readonly string[]]>): string[] {
  return [...names].map(([of, given]) => `${of}: ${[given].flat().join(', ')}`);
}

function inForce(device: Device, profile: AppliedProfile, identity: DeviceIdentity): View {
  const maps = device.registers.maps.map((map) => ({
    name: map.name,
    registers: [...registersIn(map.children)].length,
  }));
  const scripts = [...profile.scripts].map(([name, { summary }]) =>
    summary === undefined ? name : `${name}: ${summary}`,
  );
  return {
    kind: 'fields',
    title: profile.title === undefined ? profile.name : `${profile.name}: ${profile.title}`,
    fields: [
      { label: 'from', value: profile.file ?? 'vfiodbg' },
      ...lines('device', identityText(identity)),
      ...(profile.source === undefined ? [] : [{ label: 'source', value: profile.source }]),
      ...lines('includes', profile.includes.length === 0 ? [] : [profile.includes.join(', ')]),
      ...lines('regions', namesOf(profile.regions)),
      ...lines('interrupts', namesOf(profile.interrupts)),
      ...lines(
        'registers',
        maps.map(({ name, registers }) => `${name}: ${registers}`),
      ),
      ...lines(
        'cautions',
        profile.cautions.map(({ space, reason }) => `${space}: ${reason}`),
      ),
      ...lines('scripts', scripts),
      ...lines('notes', profile.notes),
      ...lines('warning', device.profileWarnings),
    ],
    data: {
      name: profile.name,
      title: profile.title ?? null,
      file: profile.file ?? null,
      source: profile.source ?? null,
      device: identity,
      includes: profile.includes,
      regions: Object.fromEntries(profile.regions),
      interrupts: Object.fromEntries(profile.interrupts),
      registers: maps,
      cautions: profile.cautions,
      restore: profile.restore ?? null,
      scripts: [...profile.scripts].map(([name, { summary }]) => ({ name, summary: summary ?? null })),
      architecture: profile.architecture ?? null,
      notes: profile.notes,
      warnings: device.profileWarnings,
    },
  };
}

function shown(known: KnownProfile, description: ProfileDescription): View {
  const { source, includes = [], regions = {}, interrupts = {}, registers = [], cautions = [] } = description;
  const { restore = [], scripts = {}, architecture, notes = [] } = description;
  const title = known.title ?? description.title;
  return {
    kind: 'fields',
    title: title === undefined ? known.name : `${known.name}: ${title}`,
    fields: [
      { label: 'from', value: known.file ?? 'vfiodbg' },
      ...lines(
        'for',
        known.match.length === 0 ? ['no device by itself: --profile names it'] : known.match.map(matchText),
      ),
      ...(source === undefined ? [] : [{ label: 'source', value: source }]),
      ...lines('includes', includes.length === 0 ? [] : [includes.join(', ')]),
      ...lines('regions', namesOf(Object.entries(regions))),
      ...lines('interrupts', namesOf(Object.entries(interrupts))),
      ...lines('registers', [registers].flat().map(sourceText)),
      ...lines(
        'cautions',
        cautions.map(({ space, reason }) => `${space}: ${reason}`),
      ),
      ...lines('restore', restore.length === 0 ? [] : [restore.join(', ')]),
      ...lines(
        'scripts',
        Object.entries(scripts).map(([name, { summary }]) => (summary === undefined ? name : `${name}: ${summary}`)),
      ),
      ...(architecture === undefined ? [] : [{ label: 'architecture', value: architecture }]),
      ...lines('notes', notes),
    ],
    data: { name: known.name, ...(title !== undefined && { title }), match: known.match, ...description },
  };
}

function sourceText(source: RegisterSource): string {
  if (!('file' in source)) return `${source.name}: ${source.registers.length} entries in ${source.space ?? 'region0'}`;
  const peripheral = source.peripheral === undefined ? '' : `, ${source.peripheral}`;
  return `${source.file}${peripheral}, at ${source.at ?? 'region0'}`;
}

export const commands = [
  defineCommand({
    name: 'profile',
    group: 'registers',
    summary: 'show the profile that is in force on the device',
    details:
      'A profile holds what is specific to a kind of device: names of regions and interrupts, registers, what must not be read, scripts. The one that ' +
      'means the device most exactly is put in force when it is opened: by PCI ids or class, compatible, or AMBA id, without touching the ' +
      "device; of equals the user's own. Profiles are files (.json, .mjs) in ~/.config/vfiodbg/profiles, named with --profile, or ship with " +
      'the tool. A module (.mjs) is code, which runs when the profile is looked at.',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'profile', says: 'names, registers and cautions of this device', device: 'sim:sram' }],
    async run({ device }): Promise<View> {
      const identity = await identityWithNode(device);
      if (device.profile !== undefined) return inForce(device, device.profile, identity);
      const hints = identity.pci === undefined && identity.amba === undefined && identity.compatible.length === 0;
      return {
        kind: 'text',
        lines: [
          `${device.name} has no profile`,
          ...(hints ? ['its ids are not known without reading them: profile use --read-ids'] : []),
        ],
        data: { name: null, device: identity, warnings: device.profileWarnings },
      };
    },
  }),

  defineCommand({
    name: 'profile list',
    group: 'registers',
    summary: 'list the profiles, and which of them fit the device',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'profile list', says: "the user's profiles, then those that ship with the tool", device: 'sim:edu' },
    ],
    async run({ session: { device } }): Promise<View> {
      const { allProfiles, fitting } = await import('../../vfio/profile/catalog.js');
      const { profiles, problems } = await allProfiles();
      const fit = device === undefined ? [] : fitting(profiles, await identityWithNode(device));
      const stateOf = (known: KnownProfile): string => {
        if (device?.profile?.name === known.name && device.profile.file === known.file) return 'in force';
        return fit.includes(known) ? 'fits' : '';
      };
      return {
        kind: 'all',
        views: [
          {
            kind: 'table',
            columns: [
              { key: 'name', header: 'profile' },
              { key: 'state', header: 'here' },
              { key: 'for', header: 'for' },
              { key: 'title', header: 'what it is', shrink: true },
              { key: 'from', header: 'from', shrink: true },
            ],
            rows: profiles.map((known) => ({
              name: known.name,
              state: stateOf(known),
              for: known.match.map(matchText).join('; '),
              title: known.title ?? '',
              from: known.file ?? 'vfiodbg',
            })),
            data: profiles.map((known) => ({
              name: known.name,
              title: known.title ?? null,
              file: known.file ?? null,
              match: known.match,
              fits: fit.includes(known),
              inForce: stateOf(known) === 'in force',
            })),
          },
          ...(problems.length === 0
            ? []
            : [{ kind: 'text' as const, lines: problems.map((problem) => `warning: ${problem}`) }]),
        ],
      };
    },
  }),

  defineCommand({
    name: 'profile show',
    group: 'registers',
    summary: 'show what is in a profile; --json prints all of it',
    arguments: { profile: profileName('the profile') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'profile show nvme', says: 'what it is for and what it brings' },
      { line: 'profile show pl011', says: 'its cautions among it: reading UARTDR takes a character' },
    ],
    async run(_context, { arguments: { profile } }): Promise<View> {
      const { namedProfile } = await import('../../vfio/profile/catalog.js');
      const known = await namedProfile(profile);
      return shown(known, await known.load());
    },
  }),

  defineCommand({
    name: 'profile use',
    group: 'registers',
    summary: 'put another profile in force, none, or again the one that fits',
    details:
      'Without a name it is the one that fits what is known of the device, its node in the device tree included (dt use). Of a device behind a socket ' +
      'that is its bus only: with --read-ids its ' +
      "ids are read, a PCI device's in config space, those of an AMBA device in the last words of its first region.",
    arguments: { profile: optional(profileName('the profile; by default the one that fits', ['none'])) },
    flags: { readIds: toggle('read the ids of the device, to find the profile that fits') },
    effect: 'read',
    needs: 'device',
    plans: true,
    examples: [
      { line: 'profile use none', says: 'by offsets alone', device: 'sim:edu' },
      { line: 'profile use --read-ids', says: 'the one that fits what the device says it is', device: 'sim:pl031' },
    ],
    async run(context, { arguments: { profile }, flags }): Promise<View> {
      const { device, session } = context;
      if (flags.readIds && profile !== undefined) {
        throw new UsageError('--read-ids finds a profile by itself', undefined, 'leave one of them out');
      }
      if (context.dryRun) {
        const reads = flags.readIds ? 'read the ids, then ' : '';
        return { kind: 'text', lines: [`would ${reads}put ${profile ?? 'the profile that fits'} in force`] };
      }
      if (profile === undefined) {
        const { useFitting } = await import('../../vfio/profile/use.js');
        await useFitting(device, flags.readIds ? readIdentity(device) : await identityWithNode(device));
        session.namesChanged();
      } else await session.useProfile(device, profile);
      const { profile: now, profileWarnings } = device;
      const title = now?.title === undefined ? '' : ` (${now.title})`;
      return {
        kind: 'text',
        lines: [
          now === undefined ? `${device.name} has no profile` : `${device.name}: profile ${now.name}${title}`,
          ...profileWarnings.map((warning) => `warning: ${warning}`),
        ],
        data: { name: now?.name ?? null, warnings: profileWarnings },
      };
    },
  }),

  defineCommand({
    name: 'profile new',
    group: 'registers',
    summary: 'write a profile for the open device, to be filled in',
    details:
      'It has what is known without touching the device: ids or compatible, regions with their sizes, interrupts, names of the device tree, and says what to ' +
      'fill in. FILE ends with .mjs (a module, with comments) or .json; in ~/.config/vfiodbg/profiles it is found by itself. Without a FILE ' +
      'the module is shown.',
    arguments: { file: optional(file('the file to write: .mjs or .json')) },
    flags: { replace },
    effect: 'none',
    needs: 'device',
    plans: true,
    examples: [
      { line: 'profile new', says: 'what there is to begin with', device: 'sim:edu' },
      { line: 'profile new /tmp/mine.json', says: 'as JSON, to a file', device: 'sim:pl031' },
    ],
    async run(context, { arguments: { file: path }, flags }): Promise<View> {
      const { device } = context;
      const { skeletonOf, moduleText, jsonText } = await import('../../vfio/profile/skeleton.js');
      const skeleton = skeletonOf(device, await identityWithNode(device));
      if (path === undefined)
        return { kind: 'text', lines: moduleText(skeleton).trimEnd().split('\n'), data: skeleton.description };
      const extension = extname(path);
      if (extension !== '.mjs' && extension !== '.json') {
        throw new UsageError(`${path} is no name for a profile`, undefined, 'its extension is .mjs or .json');
      }
      refuseLoss(path, flags.replace);
      if (context.dryRun) return { kind: 'text', lines: [`would write ${path}`] };
      const out = await WholeFile.create(path, flags.replace, context.signal);
      try {
        await out.write(extension === '.mjs' ? moduleText(skeleton) : jsonText(skeleton));
        await out.commit();
      } catch (error) {
        await out.discard();
        throw error;
      }
      return {
        kind: 'text',
        lines: [`${path}: profile ${skeleton.description.name}; profile use ${path} puts it in force`],
      };
    },
  }),
];
