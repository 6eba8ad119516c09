import { type DtNode, nodesUnder, phandleOf } from './node.js';

/** A device tree: its nodes by path, alias, label and phandle. What is looked up by phandle alone reads the whole tree, once. */
export class DeviceTree {
  readonly root: DtNode;
  /** Where it came from, for messages: a file's name, 'the running kernel'. */
  readonly origin: string;
  /** What is wrong with it, though it could be read. */
  readonly #problems: string[];
  #phandles: Map<number, DtNode> | undefined;
  #aliases: ReadonlyMap<string, string> | undefined;
  #labels: ReadonlyMap<string, string> | undefined;
  #labelsByPath: ReadonlyMap<string, string> | undefined;

  constructor(root: DtNode, origin: string, problems: readonly string[] = []) {
    this.root = root;
    this.origin = origin;
    this.#problems = [...problems];
  }

  /** What is wrong with the tree as a whole: names that are used twice, phandles that two nodes have. */
  get problems(): readonly string[] {
    this.#index();
    return this.#problems;
  }

  /** Every node, in the order of the tree. */
  nodes(): Generator<DtNode> {
    return nodesUnder(this.root);
  }

  /**
   * The node at an absolute path, or one whose first part is an alias, as in 'serial0' and 'serial0/child'. The unit address may be left out of
   * a part where that is unambiguous.
   */
  find(path: string): DtNode | undefined {
    if (path.startsWith('/')) return this.#walk(this.root, path);
    const slash = path.indexOf('/');
    const alias = slash < 0 ? path : path.slice(0, slash);
    const target = this.aliases.get(alias);
    const node = target?.startsWith('/') === true ? this.#walk(this.root, target) : undefined;
    return node !== undefined && slash >= 0 ? this.#walk(node, path.slice(slash)) : node;
  }

  /** Aliases with the paths that they stand for. */
  get aliases(): ReadonlyMap<string, string> {
    this.#aliases ??= this.#names('/aliases');
    return this.#aliases;
  }

  /** The labels of the source, where the tree was made with them (dtc -@), with their paths. */
  get labels(): ReadonlyMap<string, string> {
    this.#labels ??= this.#names('/__symbols__');
    return this.#labels;
  }

  /** The label of a node, where the tree has labels. */
  labelOf(node: DtNode): string | undefined {
    this.#labelsByPath ??= new Map([...this.labels].map(([label, path]) => [path, label]));
    return this.#labelsByPath.get(node.path);
  }

  /** The first node that has this phandle. */
  byPhandle(phandle: number): DtNode | undefined {
    return this.#index().get(phandle);
  }

  #index(): Map<number, DtNode> {
    if (this.#phandles !== undefined) return this.#phandles;
    const phandles = new Map<number, DtNode>();
    for (const node of this.nodes()) {
      const phandle = phandleOf(node);
      if (phandle === undefined) continue;
      const known = phandles.get(phandle);
      if (known === undefined) phandles.set(phandle, node);
      else this.#problems.push(`phandle 0x${phandle.toString(16)} is both ${known.path}'s and ${node.path}'s`);
    }
    this.#phandles = phandles;
    return phandles;
  }

  #names(path: string): Map<string, string> {
    const names = new Map<string, string>();
    for (const property of this.#walk(this.root, path)?.properties ?? []) {
      const target = property.string;
      if (target !== undefined && target.startsWith('/')) names.set(property.name, target);
    }
    return names;
  }

  #walk(from: DtNode, path: string): DtNode | undefined {
    let node: DtNode | undefined = from;
    for (const part of path.split('/')) {
      if (part === '') continue;
      node = childNamed(node, part);
      if (node === undefined) return undefined;
    }
    return node;
  }
}

function childNamed(node: DtNode, name: string): DtNode | undefined {
  const exact = node.children.find((child) => child.name === name);
  if (exact !== undefined || name.includes('@')) return exact;
  const [only, ...others] = node.children.filter((child) => child.name.startsWith(`${name}@`));
  return others.length === 0 ? only : undefined;
}
