import type { Chain } from '../../grad/chain.ts'
import { type Dimension, multiplyDimensions, sizeOf } from '../../graph/dimension.ts'
import {
  add,
  constant,
  growTo,
  input,
  mul,
  multiHeadAttention,
  reduceSum,
  reshape,
  runtimeSize,
  slice,
  sliceTo,
  transpose,
} from '../../graph/ops.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { activations } from '../../nn/activation.ts'
import { attend } from '../../nn/attention.ts'
import { affine, project } from '../../nn/linear.ts'
import { layerNorm, rmsNorm } from '../../nn/norm.ts'
import { rotate } from '../../nn/rope.ts'
import { type Weights, within } from '../../nn/weights.ts'
import type { VisionConfig } from './config.ts'

// B pictures of one size · Y, X cells down and across · m patches along a cell's side · p pixels along a patch's · P = B*Y*X*m*m patches, cell by
// cell · I, J windows down and across · w cells along a window's side · H heads · D head size · E width of the encoder ·
// C width of the language model

/**
 * The vision encoder of Qwen2-VL and Qwen2.5-VL (Wang et al. 2024, Bai et al. 2025), for pictures of any number of cells.
 *
 * `pixel_values` [B,3,Y,m,p,X,m,p], which are pictures [3,height,width], `vision_cos` and `vision_sin` [Y,X,m*m,1,D] and,
 * where there are windows, `window_mask` [I,J,1,1,w*w*m*m] -> by way of the layers' inputs `hidden.i` [P,E] to
 * `image_features` [B,Y*X,C].
 */
export function qwenVision(weights: Weights, config: VisionConfig): Chain {
  const { patch_size: p, spatial_merge_size: m, hidden_size: width, num_heads: heads } = config
  const pixelValues = input('pixel_values', 'float32', ['B', 3, 'Y', m, p, 'X', m, p])
  const tables = ['Y', 'X', m * m, 1, width / heads]
  const rotary = {
    cos: input('vision_cos', 'float32', tables),
    sin: input('vision_sin', 'float32', tables),
  }
  const windowOf = windowsBy(config)
  let x = embedPatches(pixelValues, weights.at('patch_embed.proj'), config)
  const cuts: Record<string, Tensor> = { pixel_values: pixelValues }
  for (let i = 0; i < config.depth; i++) {
    cuts[`hidden.${i}`] = x
    x = block(x, weights.at(`blocks.${i}`), config, rotary, windowOf(i))
  }
  cuts[`hidden.${config.depth}`] = x
  return { cuts: { ...cuts, image_features: merge(x, weights.at('merger'), config, rotary.cos) } }
}

/** Tables of each patch's row and column. */
interface Rotary {
  readonly cos: Tensor
  readonly sin: Tensor
}

/** Cells along a window's side, and which of its patches are there. */
interface Window {
  readonly side: number
  readonly mask: Tensor
}

/** The window of a layer; null for one that sees all. */
function windowsBy({ windows, spatial_merge_size: m }: VisionConfig): (layer: number) => Window | null {
  if (windows === null) return () => null
  const { side, fullLayers } = windows
  const mask = input('window_mask', 'float32', ['I', 'J', 1, 1, side * side * m * m])
  return layer => (fullLayers.includes(layer) ? null : { side, mask })
}

/**
 * The checkpoint's convolution over space and time, as the product it is, of a picture that does not change in time:
 * [B,3,Y,m,p,X,m,p] -> [P,E].
 */
function embedPatches(pixelValues: Tensor, weights: Weights, config: VisionConfig): Tensor {
  const { hidden_size: width, patch_size: p, temporal_patch_size: repeats } = config
  const elements = 3 * p * p
  return within(weights, () => {
    const kernels = weights.get('weight', [width, 3, repeats, p, p], [width, 3, repeats, p * p])
    const kernel = reshape(reduceSum(kernels, [2]), [width, elements])
    const patches = transpose(pixelValues, [0, 2, 5, 3, 6, 1, 4, 7])
    return project(reshape(patches, [patchesOf(config), elements]), kernel)
  })
}

const patchesOf = ({ spatial_merge_size: m }: VisionConfig): Dimension => sizeOf(['B', 'Y', 'X', m, m])

function block(
  x: Tensor,
  weights: Weights,
  config: VisionConfig,
  rotary: Rotary,
  window: Window | null,
): Tensor {
  return within(weights, () => {
    const normed = norms[config.norm](x, weights.at('norm1'), normEpsilon)
    const attended = add(x, selfAttention(normed, weights.at('attn'), config, rotary, window))
    const normedAgain = norms[config.norm](attended, weights.at('norm2'), normEpsilon)
    return add(attended, mlps[config.mlp](normedAgain, weights.at('mlp'), config))
  })
}

const norms = { rms: rmsNorm, layer: layerNorm } as const
/** The reference's; no config sets it. */
const normEpsilon = 1e-6

function selfAttention(
  x: Tensor,
  weights: Weights,
  config: VisionConfig,
  { cos, sin }: Rotary,
  window: Window | null,
): Tensor {
  return within(weights, () => {
    const { hidden_size: width, num_heads: heads, spatial_merge_size: m } = config
    const shape = ['B', 'Y', 'X', m * m, heads, width / heads]
    const joined = reshape(affine(x, weights.at('qkv'), 3 * width), [...shape.slice(0, 4), 3, width], cos)
    const part = (i: number): Tensor => reshape(slice(joined, 4, i, i + 1), shape)
    const [q, k, v] = [rotate(part(0), cos, sin), rotate(part(1), cos, sin), part(2)]
    const attended = window === null ? attendToAll(q, k, v, config) : attendInWindows(q, k, v, config, window)
    return affine(reshape(attended, [patchesOf(config), width]), weights.at('proj'), width)
  })
}

/** Of q, k and v [B,Y,X,m*m,H,D]: [B,Y*X*m*m,H*D]. */
function attendToAll(q: Tensor, k: Tensor, v: Tensor, config: VisionConfig): Tensor {
  const { hidden_size: width, num_heads: heads, spatial_merge_size: m } = config
  const [a, b, c] = [q, k, v].map(x => reshape(x, ['B', sizeOf(['Y', 'X', m, m]), width])) as [
    Tensor,
    Tensor,
    Tensor,
  ]
  return multiHeadAttention(a, b, c, { heads, scale: scaleOf(config) })
}

/** Of q, k and v [B,Y,X,m*m,H,D], each cell seeing those of its window: the same shape. */
function attendInWindows(q: Tensor, k: Tensor, v: Tensor, config: VisionConfig, window: Window): Tensor {
  const { side, mask } = window
  const { num_heads: heads, hidden_size: width, spatial_merge_size: m } = config
  const [inCell, headSize] = [m * m, width / heads]
  const inWindow = side * side * inCell
  const whole = [q, k, v].map(x => fillWindows(x, window))
  const [first] = whole as [Tensor, ...Tensor[]]
  const [a, b, c] = whole.map(x => {
    const split = reshape(x, ['B', 'I', side, 'J', side, inCell, heads, headSize], mask)
    return reshape(transpose(split, [0, 1, 3, 6, 2, 4, 5, 7]), ['B', 'I', 'J', heads, inWindow, headSize])
  }) as [Tensor, Tensor, Tensor]
  const { attended } = attend(a, b, c, scaleOf(config), mask)
  const split = reshape(attended, ['B', 'I', 'J', heads, side, side, inCell, headSize])
  const joined = reshape(transpose(split, [0, 1, 4, 2, 5, 6, 3, 7]), first.shape, first)
  const rows = sliceTo(joined, 1, runtimeSize('Y', q), 'Y')
  return sliceTo(rows, 2, runtimeSize('X', q), 'X')
}

/** Cells that are not there, at the right and at the bottom, up to whole windows: [B,Y,X,...] -> [B,w*I,w*J,...]. */
function fillWindows(x: Tensor, { side, mask }: Window): Tensor {
  const length = (count: string): Tensor => mul(runtimeSize(count, mask), constant([side], 'int64', [1]))
  const named = (count: string): Dimension => multiplyDimensions(side, count)
  return growTo(growTo(x, 1, length('I'), named('I')), 2, length('J'), named('J'))
}

const scaleOf = ({ hidden_size: width, num_heads: heads }: VisionConfig): number => (width / heads) ** -0.5

const mlps = { gated: gatedMlp, plain: plainMlp } as const

function gatedMlp(x: Tensor, weights: Weights, config: VisionConfig): Tensor {
  const gate = affine(x, weights.at('gate_proj'), config.intermediate_size)
  const up = affine(x, weights.at('up_proj'), config.intermediate_size)
  const inner = within(weights, () => mul(activations[config.hidden_act](gate), up))
  return affine(inner, weights.at('down_proj'), config.hidden_size)
}

function plainMlp(x: Tensor, weights: Weights, config: VisionConfig): Tensor {
  const inner = affine(x, weights.at('fc1'), config.intermediate_size)
  const active = within(weights, () => activations[config.hidden_act](inner))
  return affine(active, weights.at('fc2'), config.hidden_size)
}

/** The patches of a cell side by side, through a two-layer projector: [P,E] -> [B,Y*X,C]. */
function merge(x: Tensor, weights: Weights, config: VisionConfig, grid: Tensor): Tensor {
  const { spatial_merge_size: m, hidden_size: width, out_hidden_size: outWidth } = config
  const joined = m * m * width
  const normed = norms[config.norm](x, weights.at('ln_q'), normEpsilon)
  const cells = reshape(normed, ['B*X*Y', joined])
  const inner = affine(cells, weights.at('mlp.0'), joined)
  const active = within(weights, () => activations.gelu(inner))
  const features = affine(active, weights.at('mlp.2'), outWidth)
  return reshape(reshape(features, ['B', 'Y', 'X', outWidth], grid), ['B', 'X*Y', outWidth])
}
