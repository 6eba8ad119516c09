import { readLine } from './access.js';
import { renderAddressMap } from './address-map.js';
import { renderCells } from './cells.js';
import { renderChart } from './chart.js';
import { renderDisassembly } from './disassembly.js';
import { renderFields } from './fields.js';
import { type Line, spansOf, wrapLine } from './line.js';
import { renderRegisters, writeLines } from './registers.js';
import { renderTable } from './table.js';
import type { View } from './view.js';

/**
 * The lines that show `view`, made as they are asked for. `columns` is the screen's width; Infinity (what is not a
 * terminal) cuts, wraps and sums up nothing. Every text in the lines is escaped already.
 */
export function* render(view: View, columns = Infinity): Generator<Line> {
  switch (view.kind) {
    case 'read':
      yield readLine(view);
      return;
    case 'write':
      yield* writeLines(view, columns);
      return;
    case 'registers':
      yield* renderRegisters(view, columns);
      return;
    case 'cells':
      yield* renderCells(view, columns);
      return;
    case 'text':
      for (const line of view.lines) yield* wrapLine(spansOf(line), view.prose === true ? columns : Infinity, 0);
      return;
    case 'fields':
      yield* renderFields(view, columns);
      return;
    case 'table':
      yield* renderTable(view, columns);
      return;
    case 'disassembly':
      yield* renderDisassembly(view, columns);
      return;
    case 'address-map':
      yield* renderAddressMap(view, columns);
      return;
    case 'chart':
      yield* renderChart(view, columns);
      return;
    case 'all':
      for (const [index, part] of view.views.entries()) {
        // A part with a title is a section of its own.
        if (index > 0 && 'title' in part && part.title !== undefined) yield [];
        yield* render(part, columns);
      }
  }
}
