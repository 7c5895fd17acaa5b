import { z } from 'zod'
import { highResModes } from './crop/tiles.ts'
import { inputGradientVariants } from './importance/input-gradient.ts'
import { methods } from './importance/method.ts'

// How to look, as programs ask for it in JSON. What depends on model and picture is checked when it is asked.

const layers = z.union([z.array(z.int().min(0)).min(1).max(1024), z.literal('all')])
const pixel = z.int().min(0).max(1e6)
const side = z.int().min(1).max(1e6)

/** The options of `picture.look` that can be written as JSON; others are refused by name. */
export const lookSchema = z.strictObject({
  method: z
    .enum(methods)
    .describe('How to find where to look: rel-att (default), grad-att, pure-grad, or none.')
    .exactOptional(),
  layers: layers.describe('Layers, counted from 0, whose maps are averaged, or all.').exactOptional(),
  connectorLayers: layers
    .describe("The same of a Q-Former's layers that attend to the picture.")
    .exactOptional(),
  target: z
    .union([z.string().max(1000), z.int().min(0)])
    .describe('With grad-att and pure-grad: the answer to find grounds for. Default: the likeliest.')
    .exactOptional(),
  variant: z
    .enum(inputGradientVariants)
    .describe('With pure-grad: as in the paper, or in the code of its authors.')
    .exactOptional(),
  highRes: z
    .enum(highResModes)
    .describe('Whether the map is made of blocks of at most 1024 pixels. Default: auto.')
    .exactOptional(),
  crop: z
    .union([z.literal('auto'), z.strictObject({ x: pixel, y: pixel, width: side, height: side })])
    .describe('Where to crop, in pixels of the picture; auto (default): where the model looks.')
    .exactOptional(),
})
