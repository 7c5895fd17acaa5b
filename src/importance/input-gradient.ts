/**
 * The paper's input gradient (Zhang et al. 2025, pure-grad): where a change of the pixels would change the answer's first token most,
 * among pixels at edges. A gradient is noisy on even surfaces, so those are masked out.
 *
 * H, W the model's input in pixels · N cells a side, of H/N pixels each
 */

/**
 * The paper's text and its code differ. `paper`: the gradient alone, edges smoothed by a 3 x 3 median. `code`: the
 * gradient divided by that under the general description prompt, edges smoothed by a 7 x 7 median.
 */
export const inputGradientVariants = ['paper', 'code'] as const
export type InputGradientVariant = (typeof inputGradientVariants)[number]

/** Below this a gradient under the general prompt is none, and what is divided by it counts nothing. */
const smallest = 1e-30

/**
 * The paper's map: G, the norm over channels of dv/dx, at edges alone, mean over cells.
 *
 * @param gradient dv/dx of the normalised pixels x, [3,H,W]
 * @param general the same under the general description prompt, or null for the variant that does without
 * @param edges 1 at edges, 0 elsewhere, [H,W]
 * @param width W
 * @param cellPx H/N
 * @returns [N,N], at least 0
 */
export function inputGradient(
  gradient: Float32Array,
  general: Float32Array | null,
  edges: Float32Array,
  width: number,
  cellPx: number,
): Float32Array {
  const base = general === null ? null : channelNorm(general)
  const strength = channelNorm(gradient)
  for (const [i, edge] of edges.entries()) {
    const over = base === null ? 1 : (base[i] as number)
    strength[i] = edge === 1 && over > smallest ? (strength[i] as number) / over : 0
  }
  return meanPool(strength, width, cellPx)
}

/**
 * The edges of the model's own input, where the gradient is. (The official code takes them of the picture stretched to a
 * square, wherever the model's input lies in it.)
 *
 * @param input what the model is shown, H x W, before it is normalised
 * @returns [H,W]
 */
export const edgesOf = (
  input: { readonly width: number; readonly data: Uint8Array },
  median: EdgeMedian,
): Float32Array => edgeMask(planesOf(input.data), input.width, median)

/** Bytes [H,W,3] as numbers from 0 to 1, [3,H,W]. */
function planesOf(bytes: Uint8Array): Float32Array {
  const plane = bytes.length / 3
  return Float32Array.from(bytes, (_, i) => (bytes[3 * (i % plane) + Math.floor(i / plane)] as number) / 255)
}

/** Side of the median filter that smooths the edges: 3 as the paper says, 7 as the official code has it. */
export type EdgeMedian = 3 | 7

/** The L2 norm over channels: [3,H,W] -> [H,W]. */
export function channelNorm(x: Float32Array): Float32Array {
  const plane = x.length / 3
  return Float32Array.from({ length: plane }, (_, i) =>
    Math.hypot(x[i] as number, x[i + plane] as number, x[i + 2 * plane] as number),
  )
}

/**
 * 1 at edges, 0 elsewhere: the picture less its blur (Gaussian, 3 x 3), its norm over channels, median filtered, above
 * the median of all pixels.
 *
 * @param pixels [3,H,W], 0 to 1
 * @param width W
 * @returns [H,W]
 */
export function edgeMask(pixels: Float32Array, width: number, median: EdgeMedian): Float32Array {
  const plane = pixels.length / 3
  const detail = pixels.slice()
  for (let channel = 0; channel < 3; channel++) {
    const part = detail.subarray(channel * plane, (channel + 1) * plane)
    const smooth = blur(part, width)
    for (let i = 0; i < plane; i++) part[i] = (part[i] as number) - (smooth[i] as number)
  }
  const edges = medianFilter(channelNorm(detail), width, median)
  const threshold = medianOf(edges)
  return edges.map(edge => (edge > threshold ? 1 : 0))
}

/** Means over square cells: [H,W] -> [N,N]. Pixels past the last whole cell are left out. */
export function meanPool(values: Float32Array, width: number, cell: number): Float32Array {
  const height = values.length / width
  const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)]
  const sums = new Float64Array(rows * columns)
  for (let y = 0; y < rows * cell; y++) {
    for (let x = 0; x < columns * cell; x++) {
      const at = Math.floor(y / cell) * columns + Math.floor(x / cell)
      sums[at] = (sums[at] as number) + (values[y * width + x] as number)
    }
  }
  return Float32Array.from(sums, sum => sum / (cell * cell))
}

/** Of the 3 x 3 kernel, as torchvision derives it from the size. */
const blurSigma = 0.8
const side = Math.exp(-0.5 / blurSigma ** 2)
const kernel = [side, 1, side].map(weight => weight / (1 + 2 * side))

/** Separable 3 x 3 Gaussian; beyond the border the picture is mirrored without its last pixel. */
function blur(plane: Float32Array, width: number): Float32Array {
  const height = plane.length / width
  const across = plane.map((_, i) => {
    const [row, x] = [i - (i % width), i % width]
    return weigh(offset => plane[row + mirror(x + offset, width)] as number)
  })
  return across.map((_, i) => {
    const [y, x] = [Math.floor(i / width), i % width]
    return weigh(offset => across[mirror(y + offset, height) * width + x] as number)
  })
}

const weigh = (at: (offset: number) => number): number =>
  kernel.reduce((sum, weight, i) => sum + weight * at(i - 1), 0)

const mirror = (i: number, length: number): number => {
  if (length === 1) return 0
  return i < 0 ? -i : i >= length ? 2 * length - 2 - i : i
}

/** Median over a square about each pixel; beyond the border the picture is mirrored with its last pixel. */
function medianFilter(plane: Float32Array, width: number, size: number): Float32Array {
  const height = plane.length / width
  const [across, down] = [windowPlaces(width, size), windowPlaces(height, size)]
  const window = new Float32Array(size * size)
  return plane.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    let n = 0
    for (let dy = 0; dy < size; dy++) {
      const row = (down[y + dy] as number) * width
      for (let dx = 0; dx < size; dx++) {
        insert(window, n++, plane[row + (across[x + dx] as number)] as number)
      }
    }
    return window[(n - 1) / 2] as number
  })
}

/** Puts a value among the first `count` ones, which are in order. */
function insert(sorted: Float32Array, count: number, value: number): void {
  let at = count
  while (at > 0 && (sorted[at - 1] as number) > value) {
    sorted[at] = sorted[at - 1] as number
    at--
  }
  sorted[at] = value
}

/** Which places of an axis the windows of `size` about each of its places see: the window of i begins at i. */
const windowPlaces = (length: number, size: number): number[] =>
  Array.from({ length: length + size - 1 }, (_, i) => mirrorWithEdge(i - (size - 1) / 2, length))

const mirrorWithEdge = (i: number, length: number): number => {
  const period = 2 * length
  const phase = ((i % period) + period) % period
  return phase < length ? phase : period - 1 - phase
}

/** The middle value, or the mean of the two in the middle. */
function medianOf(values: Float32Array): number {
  const sorted = values.toSorted()
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
