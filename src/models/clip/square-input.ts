import type { Size } from '../../image/image.ts'
import { type Fit, type PreprocessSpec, preprocess } from '../../image/preprocess.ts'
import type { ModelFiles, VisionModel } from '../model.ts'
import { patchesPerSide, type VisionConfig } from './config.ts'

/**
 * How pictures meet a square input of patches, which are the cells.
 * @param rows how many rows one picture has in a prompt
 * @param firstCell which of its positions shows the first cell; the others follow
 */
export function squareInput(
  files: ModelFiles,
  vision: Pick<VisionConfig, 'image_size' | 'patch_size'>,
  parse: (json: unknown, fit?: Fit) => PreprocessSpec,
  { rows, firstCell }: { readonly rows: number; readonly firstCell: number },
): Pick<VisionModel, 'enlarged' | 'preprocess'> {
  const side = patchesPerSide(vision)
  const specFor = (fit: Fit | null): PreprocessSpec => parse(files.processor, fit ?? undefined)
  const declared = specFor(files.fit)
  requireInput(declared.input, vision.image_size)
  const run = Array.from({ length: rows }, (_, row) => row)
  const positions = Array.from({ length: side * side }, (_, cell) => firstCell + cell)
  return {
    enlarged: crop => crop,
    preprocess(image, fit) {
      const { pixelValues, input, view } = preprocess(image, fit === undefined ? declared : specFor(fit))
      const source = { width: image.width, height: image.height }
      // Pixels past the last whole patch belong to no cell.
      const share = (side * vision.patch_size) / vision.image_size
      const covered = { ...view, width: view.width * share, height: view.height * share }
      const geometry = { source, view: covered, grid: { rows: side, columns: side } }
      const pixelsOf = (gradient: Float32Array): Float32Array => gradient
      return {
        pixelValues,
        shape: [1, 3, vision.image_size, vision.image_size],
        feeds: {},
        texts: ['', ''],
        runs: [run],
        levels: [{ input, cellPx: vision.patch_size, geometry, positions, pixelsOf }],
        geometry,
      }
    },
  }
}

function requireInput({ width, height }: Size, side: number): void {
  if (width === side && height === side) return
  throw new Error(
    `processor: makes pictures of ${width}x${height}, but config.json: vision_config.image_size is ${side}. Do the two files belong together?`,
  )
}
