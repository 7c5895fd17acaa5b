import type { Grid } from '../../image/geometry.ts'
import { inverseFrequencies, type RotaryTables, turnsOf } from '../../nn/rope.ts'
import type { VisionConfig } from './config.ts'

// What the vision encoder must be told of a picture's grid of cells.
// Y, X cells down and across · m patches along a cell's side · D head size · I, J windows down and across · w cells along
// a window's side

/** The reference's; no published config sets it. */
const theta = 10_000

/** cos and sin of each patch's row and column, cell by cell: [Y,X,m*m,1,D]. One half of a head turns with each. */
export function patchTables(cells: Grid, config: VisionConfig): RotaryTables {
  const { spatial_merge_size: m, hidden_size: width, num_heads: heads } = config
  const [perCell, patches] = [m * m, cells.rows * cells.columns * m * m]
  const [rows, columns] = [new Int32Array(patches), new Int32Array(patches)]
  for (let i = 0; i < patches; i++) {
    const [cell, inCell] = [Math.floor(i / perCell), i % perCell]
    rows[i] = Math.floor(cell / cells.columns) * m + Math.floor(inCell / m)
    columns[i] = (cell % cells.columns) * m + (inCell % m)
  }
  const ofOne = inverseFrequencies({ headSize: width / heads / 2, theta, scaling: { rope_type: 'default' } })
  const axes = new Uint8Array(2 * ofOne.length).fill(1, ofOne.length)
  return turnsOf(Float32Array.of(...ofOne, ...ofOne), axes, [rows, columns])
}

/** How a grid of cells falls into square windows: those at its right and its bottom may be partly empty. */
export interface Windows {
  /** I and J. */
  readonly grid: Grid
  /** 0 where a window has a patch, very negative where not: [I,J,w*w*m*m]. */
  readonly mask: Float32Array
}

/** What a score gets where there is nothing to attend to: it vanishes in the softmax, and no sum of it overflows. */
const unseen = -1e30

/** @param side w */
export function windowsOf(cells: Grid, side: number, { spatial_merge_size: m }: VisionConfig): Windows {
  const grid = { rows: Math.ceil(cells.rows / side), columns: Math.ceil(cells.columns / side) }
  const [perCell, perWindow] = [m * m, side * side * m * m]
  const mask = Float32Array.from({ length: grid.rows * grid.columns * perWindow }, (_, i) => {
    const [window, cell] = [Math.floor(i / perWindow), Math.floor((i % perWindow) / perCell)]
    const row = Math.floor(window / grid.columns) * side + Math.floor(cell / side)
    const column = (window % grid.columns) * side + (cell % side)
    return row < cells.rows && column < cells.columns ? 0 : unseen
  })
  return { grid, mask }
}
