import { type Block, type Register, type RegisterMap, registersIn } from '../../vfio/registers/register-map.js';
import type { RegisterSet } from '../../vfio/registers/register-set.js';

/** One row of the tree: a block that opens and closes, or a register. */
export interface TreeRow {
  readonly depth: number;
  readonly node: Block | Register;
  /** Of a block: its children follow. */
  readonly open: boolean;
}

/** Registers that are shown at once without anybody opening anything. */
const FEW = 64;

/** The registers of a device as rows: the maps' trees, with some of their blocks open. */
export class RegisterTree {
  readonly #opened = new Set<string>();
  #maps: RegisterSet['maps'] = [];
  #rows: readonly TreeRow[] = [];

  /** Takes the maps as they are now. True where they are others than before. */
  take({ maps }: RegisterSet): boolean {
    if (maps.length === this.#maps.length && maps.every((map, index) => map === this.#maps[index])) return false;
    this.#maps = [...maps];
    this.#opened.clear();
    for (const map of maps) {
      const all = [...registersIn(map.children)];
      if (all.length <= FEW) for (const block of blocksIn(map.children)) this.#opened.add(keyOf(block));
    }
    this.#build();
    return true;
  }

  get rows(): readonly TreeRow[] {
    return this.#rows;
  }

  /** Opens or closes a block. */
  open(block: Block, open: boolean): void {
    if (open) this.#opened.add(keyOf(block));
    else this.#opened.delete(keyOf(block));
    this.#build();
  }

  /** Every block and register with its depth, in the order of the rows, in closed blocks too. */
  get everything(): TreeRow[] {
    return this.#rowsOf(() => true);
  }

  /** Opens the blocks that `node` lies in. @returns its row. */
  reveal(node: Block | Register): number {
    const inside = (nodes: readonly (Block | Register)[]): boolean =>
      nodes.some((each) => {
        if (each === node) return true;
        if (each.kind !== 'block' || !inside(each.children)) return false;
        this.#opened.add(keyOf(each));
        return true;
      });
    for (const { children } of this.#maps) inside(children);
    this.#build();
    return this.#rows.findIndex((row) => row.node === node);
  }

  #build(): void {
    this.#rows = this.#rowsOf((block) => this.#opened.has(keyOf(block)));
  }

  #rowsOf(isOpen: (block: Block) => boolean): TreeRow[] {
    const rows: TreeRow[] = [];
    const walk = (nodes: readonly (Block | Register)[], depth: number): void => {
      for (const node of nodes) {
        const open = node.kind === 'block' && isOpen(node);
        rows.push({ depth, node, open });
        if (open) walk(node.children, depth + 1);
      }
    };
    // What every device of the bus has comes behind what is this one's own.
    const own = this.#maps.toSorted((one, other) => Number(isStandard(one)) - Number(isStandard(other)));
    for (const map of own) walk(map.children, 0);
    return rows;
  }
}

/** A map of the PCI config space alone. */
function isStandard({ children }: RegisterMap): boolean {
  return children.every(({ space }) => space === 'config');
}

/** What tells a block or register from all others of a device. */
export function keyOf({ kind, space, path }: Block | Register): string {
  return `${kind} ${space}.${path}`;
}

function* blocksIn(nodes: readonly (Block | Register)[]): Generator<Block> {
  for (const node of nodes) {
    if (node.kind !== 'block') continue;
    yield node;
    yield* blocksIn(node.children);
  }
}
