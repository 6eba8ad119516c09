import { basename, extname } from 'node:path';
import { headerOf } from '../../vfio/registers/c-header.js';
import { readOverlay } from '../../vfio/registers/load.js';
import { descriptionOf } from '../../vfio/registers/map-export.js';
import { openMapFile } from '../../vfio/registers/map-file.js';
import { registersIn } from '../../vfio/registers/register-map.js';
import { fitsStep } from '../../vfio/registers/register-path.js';
import { countOf } from '../../vfio/registers/sketch.js';
import type { View } from '../../views/view.js';
import { choice, describedRegister, file, integer, many, optional, registers, text, toggle } from '../arguments.js';
import { mapName, peripheral, place } from '../arguments/map.js';
import { defineCommand } from '../command.js';
import { loadFor, loadedView, mapOf, putMap, requestOf } from '../regs-load.js';
import {
  mapsView,
  peripheralsView,
  problemLines,
  registerDescription,
  registersTable,
  searchView,
} from '../regs-view.js';
import { UsageError } from '../usage-error.js';
import { refuseLoss, replace } from '../kept-file.js';
import { WholeFile } from '../whole-file.js';

/** Rows of a search that are shown. */
const MOST_FOUND = 500;

const exportFormats = ['json', 'c'] as const;

export const commands = [
  defineCommand({
    name: 'regs',
    group: 'registers',
    summary: 'list the register maps that are loaded',
    details:
      "Register maps say what registers are called, what their fields mean, and what reading and writing them does. They come with a device's " +
      'profile, or from files by `regs load`. None of the commands of regs touches a device; they work without one too.',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'regs', says: 'the maps of the current device', device: 'sim:edu' }],
    run: ({ session }) => mapsView(session.registers.maps),
  }),

  defineCommand({
    name: 'regs load',
    group: 'registers',
    summary: 'load register maps from a CMSIS-SVD file, or from JSON in the own format',
    details:
      'A device that is one peripheral of a chip: `regs load chip.svd UART0`; its base address is the start of the space, or what --at says. A ' +
      "device whose region is a window of the chip's bus: `regs load chip.svd --base 0x40000000` takes every peripheral that lies in the " +
      'window, or those that are named, each at its address. Without a device all of a file is loaded at the addresses of its bus, for ' +
      'regs and decode. Corrections (--overlay, else FILE.overlay.json beside the file) are made on the way. A map of the same name is ' +
      'replaced. What is wrong with a file is said with its line, and the rest of it is used.',
    arguments: {
      file: file('a .svd or .json file; .svd.gz will do'),
      peripherals: many(peripheral('a peripheral of the file, or a pattern such as UART*')),
    },
    flags: {
      at: optional(place('where it goes: a space, and the offset in it; by default the space of `use`')),
      base: optional(integer("the address on the chip's bus that is at that place", { label: 'ADDRESS' })),
      as: optional(text('what the map is to be called; all its registers begin with that', 'NAME')),
      overlay: optional(file('corrections, in place of those beside the file')),
      noOverlay: toggle('make no corrections'),
    },
    effect: 'none',
    needs: 'nothing',
    examples: [
      {
        line: 'regs load /tmp/mine.json --at region0+0x40',
        says: 'a map of the own format, 64 bytes into region0',
        device: 'sim:edu',
        after: ['regs export /tmp/mine.json edu'],
      },
      {
        line: 'regs load nrf52840.svd UARTE0 --at region0+0x1000',
        says: 'one peripheral of a chip',
        untested: "needs the file of the chip's maker",
      },
      {
        line: 'regs load nrf52840.svd --base 0x40000000',
        says: 'every peripheral in the window that the region is',
        untested: "needs the file of the chip's maker",
      },
    ],
    run(context, { arguments: { file: path, peripherals }, flags }): View {
      const loaded = loadFor(context, requestOf(context, path, peripherals, flags));
      return loadedView(context, loaded, putMap(context.session.registers, loaded.map));
    },
  }),

  defineCommand({
    name: 'regs peripherals',
    group: 'registers',
    summary: 'list the peripherals of a CMSIS-SVD file',
    arguments: {
      file: file('a .svd file'),
      peripherals: many(peripheral('a peripheral, or a pattern such as UART*')),
    },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      {
        line: 'regs peripherals nrf52840.svd *UART*',
        says: 'those whose names hold UART',
        untested: "needs the file of the chip's maker",
      },
    ],
    run(_context, { arguments: { file: path, peripherals } }): View {
      const opened = openMapFile(path);
      if (opened.kind === 'own')
        throw new UsageError(
          `${basename(path)} is one map, without peripherals`,
          undefined,
          `regs load ${path} loads it`,
        );
      const { svd } = opened;
      const { device } = svd;
      const chosen = device.peripherals.filter(
        ({ name }) => peripherals.length === 0 || peripherals.some((pattern) => fitsStep(name, pattern)),
      );
      return peripheralsView(device, chosen, (one) => countOf(svd.registersOf(device.peripherals.indexOf(one))));
    },
  }),

  defineCommand({
    name: 'regs list',
    group: 'registers',
    summary: 'list registers, a line each, without reading them',
    arguments: { names: many(registers('a register, a block, a space, or a pattern')) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'regs list', says: 'every register', device: 'sim:edu' },
      { line: 'regs list DMA_*', says: 'those that fit a pattern', device: 'sim:edu' },
    ],
    run({ session }, { arguments: { names } }): View {
      const wanted =
        names.length === 0 ? session.registers.registers : [...new Set(names.flatMap(({ found }) => found))];
      return registersTable(wanted);
    },
  }),

  defineCommand({
    name: 'regs search',
    group: 'registers',
    summary: 'find registers, fields and values by words in their names and descriptions',
    details: 'All of the words must be in the name and description together, in any order and without regard to case.',
    arguments: { words: many(text('a word', 'WORD'), 1) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'regs search dma', says: 'what has to do with DMA', device: 'sim:edu' }],
    run: ({ session }, { arguments: { words } }) => searchView(session.registers.registers, words, MOST_FOUND),
  }),

  defineCommand({
    name: 'regs show',
    group: 'registers',
    summary: 'show all that a map says of a register, without reading it',
    arguments: { register: describedRegister('the register') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'regs show DMA_CMD', says: 'its fields, their values and effects', device: 'sim:edu' }],
    run({ session }, { arguments: { register } }): View {
      const map = session.registers.maps.find(({ children }) => [...registersIn(children)].includes(register));
      return registerDescription(register, map);
    },
  }),

  defineCommand({
    name: 'regs overlay',
    group: 'registers',
    summary: 'correct a map that is loaded, by an overlay file',
    details:
      'An overlay is JSON: { "overlay": true, "changes": { "UART*.CTRL": { "access": "ro", "fields": { "EN": { "bits": 0 } } }, "UART0.OLD": null } }. ' +
      'Keys are those of the own format (regs export writes it) and take the place of what the map says; null takes away; "registers" of a ' +
      'block or map are added. Beside FILE.svd as FILE.svd.overlay.json or FILE.overlay.json, it is found by `regs load` itself.',
    arguments: { file: file('the overlay'), map: optional(mapName('the map to correct; by default all of them')) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [
      {
        line: 'regs overlay fixes.json',
        says: 'correct what the maps say',
        device: 'sim:edu',
        untested: 'needs a file of yours',
      },
    ],
    run(context, { arguments: { file: path, map: name } }): View {
      const set = context.session.registers;
      const maps = name === undefined && set.maps.length > 0 ? set.maps : [mapOf(context, name)];
      const overlay = readOverlay(path);
      const wanted = maps.filter((map) => overlay.isFor([map.name, map.origin]));
      if (wanted.length === 0)
        throw new UsageError(
          `${basename(path)} is not for ${maps.map((map) => map.name).join(', ')}`,
          undefined,
          'its "for" says what it is for',
        );
      const known = new Map(wanted.map((map) => [map.name, map.problems.length]));
      const made = wanted.map((map) => overlay.apply(map));
      for (const map of made) set.add(map);
      const problems = [...made.flatMap((map) => map.problems.slice(known.get(map.name))), ...overlay.unmatched(made)];
      return {
        kind: 'text',
        lines: [
          `${basename(path)}: ${overlay.used} changes made in ${made.map((map) => map.name).join(', ')}`,
          ...problemLines(problems, 'regs problems').map((line) => [{ text: line, role: 'warning' } as const]),
        ],
        data: { used: overlay.used, maps: made.map((map) => map.name), problems },
      };
    },
  }),

  defineCommand({
    name: 'regs export',
    group: 'registers',
    summary: 'write a map to a file: in the own format, or as a header for C',
    details:
      'The JSON of the own format is what `regs load` reads and what profiles hold: a beginning for a map of your own. By the name of the file ' +
      'a .h is a header for C with offsets, masks and values; --format says it where the name does not.',
    arguments: {
      file: file('the file to write'),
      map: optional(mapName('the map; it can be left out where there is one')),
    },
    flags: { format: optional(choice('the format', exportFormats)), replace },
    effect: 'none',
    needs: 'nothing',
    plans: true,
    examples: [
      { line: 'regs export /tmp/edu.json edu', says: 'the map of the device, to be edited', device: 'sim:edu' },
      { line: 'regs export /tmp/edu.h edu', says: 'the same for a driver in C', device: 'sim:edu' },
    ],
    async run(context, { arguments: { file: path, map: name }, flags }): Promise<View> {
      const map = mapOf(context, name);
      const format = flags.format ?? (extname(path) === '.h' ? 'c' : 'json');
      refuseLoss(path, flags.replace);
      if (context.dryRun) return { kind: 'text', lines: [`would write ${path}`] };
      const out = await WholeFile.create(path, flags.replace, context.signal);
      try {
        await out.write(format === 'c' ? headerOf(map) : `${JSON.stringify(descriptionOf(map), undefined, 2)}\n`);
        await out.commit();
      } catch (error) {
        await out.discard();
        throw error;
      }
      const count = [...registersIn(map.children)].length;
      return {
        kind: 'text',
        lines: [`${path}: ${map.name}, ${count} registers`],
        data: { file: path, map: map.name, registers: count },
      };
    },
  }),

  defineCommand({
    name: 'regs problems',
    group: 'registers',
    summary: 'list what could not be used of the files that maps came from',
    arguments: { map: optional(mapName('the map; by default all of them')) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'regs problems', says: 'everything that is wrong with the maps', device: 'sim:edu' }],
    run(context, { arguments: { map: name } }): View {
      const maps = name === undefined ? context.session.registers.maps : [mapOf(context, name)];
      return {
        kind: 'table',
        columns: [
          { key: 'map', header: 'map' },
          { key: 'where', header: 'where' },
          { key: 'why', header: 'what is wrong', shrink: true },
        ],
        rows: maps.flatMap((map) => map.problems.map(({ where, why }) => ({ map: map.name, where, why }))),
        empty: 'nothing is wrong with the maps',
      };
    },
  }),

  defineCommand({
    name: 'regs unload',
    group: 'registers',
    summary: 'forget a register map',
    arguments: { map: mapName('the map') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'regs unload edu', says: 'go without names', device: 'sim:edu' }],
    run(context, { arguments: { map: name } }): void {
      context.session.registers.remove(mapOf(context, name).name);
    },
  }),
];
