import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Roots } from '../bus/roots.js';
import type { DtNode } from './node.js';
import { Property } from './property.js';
import { DeviceTree } from './tree.js';

/**
 * A node of the running kernel: a folder, whose files are the properties. Each is read when it is first asked for, so that looking at one
 * device costs a handful of files and not the thousands of a board's tree.
 */
class FolderNode implements DtNode {
  readonly name: string;
  readonly parent: FolderNode | undefined;
  readonly #folder: string;
  readonly #known = new Map<string, Property | undefined>();
  #names: { readonly files: readonly string[]; readonly folders: readonly string[] } | undefined;
  #children: readonly FolderNode[] | undefined;

  constructor(folder: string, name: string, parent: FolderNode | undefined) {
    this.#folder = folder;
    this.name = name;
    this.parent = parent;
  }

  get path(): string {
    const { parent } = this;
    if (parent === undefined) return '/';
    return parent.parent === undefined ? `/${this.name}` : `${parent.path}/${this.name}`;
  }

  get children(): readonly FolderNode[] {
    this.#children ??= this.#list().folders.map((name) => new FolderNode(join(this.#folder, name), name, this));
    return this.#children;
  }

  get properties(): readonly Property[] {
    return this.#list().files.flatMap((name) => this.property(name) ?? []);
  }

  property(name: string): Property | undefined {
    if (this.#known.has(name)) return this.#known.get(name);
    const property = this.#read(name);
    this.#known.set(name, property);
    return property;
  }

  #read(name: string): Property | undefined {
    // The kernel adds `name` to every node: no tree that was written has it.
    if (name === 'name' || !this.#list().files.includes(name)) return undefined;
    try {
      return new Property(name, readFileSync(join(this.#folder, name)));
    } catch {
      return undefined;
    }
  }

  #list(): { readonly files: readonly string[]; readonly folders: readonly string[] } {
    if (this.#names !== undefined) return this.#names;
    const files: string[] = [];
    const folders: string[] = [];
    try {
      for (const entry of readdirSync(this.#folder, { withFileTypes: true })) {
        if (entry.isDirectory()) folders.push(entry.name);
        else if (entry.isFile()) files.push(entry.name);
      }
    } catch {
      // An overlay that was just taken away: a node without anything in it.
    }
    this.#names = { files: files.sort(), folders: folders.sort() };
    return this.#names;
  }
}

/** The tree that the running kernel uses; undefined where it has none (ACPI). */
export function liveTree(roots: Roots): DeviceTree | undefined {
  const folder = join(roots.sys, 'firmware/devicetree/base');
  const root = new FolderNode(folder, '', undefined);
  return root.properties.length === 0 && root.children.length === 0
    ? undefined
    : new DeviceTree(root, 'the running kernel');
}
