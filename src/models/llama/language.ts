import type { Graph } from '../../graph/graph.ts'
import {
  type AttentionHeads,
  add,
  causalAttention,
  concat,
  groupQueryAttention,
  input,
  mul,
  padTo,
  reshape,
  slice,
  sliceTo,
  transpose,
} from '../../graph/ops.ts'
import { dimension, type Tensor } from '../../graph/tensor.ts'
import { activations } from '../../nn/activation.ts'
import { attend } from '../../nn/attention.ts'
import { linear, project } from '../../nn/linear.ts'
import { rmsNorm } from '../../nn/norm.ts'
import { rotaryTables, rotate } from '../../nn/rope.ts'
import { type Weights, within } from '../../nn/weights.ts'
import type { LanguageModel, Probe, Unrolled } from '../model.ts'
import type { LlamaConfig } from './config.ts'

// S new positions · n positions already cached · P places in the cache · C width · H query heads · K key/value heads
// D head size · V vocabulary

/**
 * A Llama decoder (Touvron et al. 2023; Vicuna is one) as expressions over one cache.
 *
 * @param weights where `embed_tokens`, `layers` and `norm` are
 * @param head where the output projection is, or null to use the embedding (`tie_word_embeddings`)
 */
export function llama(weights: Weights, head: Weights | null, config: LlamaConfig): LanguageModel {
  const { head_dim: headSize, rope_theta: theta, rope_scaling: scaling } = config
  return {
    layers: config.num_hidden_layers,
    hiddenSize: config.hidden_size,
    vocabularySize: config.vocab_size,
    maxPositions: config.max_position_embeddings,
    cache: { kvHeads: config.num_key_value_heads, headSize: cachedHeadSize(config) },
    headSize,
    rotaryTables: (prompt, start) =>
      rotaryTables({ headSize, theta, scaling }, prompt.map((_, position) => position).slice(start)),
    embed: () => embed(weights, config),
    decode: ({ hidden } = { hidden: false }) => decode(weights, head, config, hidden),
    step: () => step(weights, head, config),
    probe: () => probe(weights, head, config),
    unroll: () => unroll(weights, head, config),
  }
}

/** `input_ids` int64 [S] -> `inputs_embeds` [S,C]. */
function embed(weights: Weights, config: LlamaConfig): Graph {
  const ids = input('input_ids', 'int64', ['S'])
  return { outputs: { inputs_embeds: weights.rows(embedding, tableShape(config), ids) } }
}

const embedding = 'embed_tokens.weight'
const tableShape = (config: LlamaConfig): [number, number] => [config.vocab_size, config.hidden_size]

/**
 * The fast path: S positions with fused attention, the cache extended in place, logits of the last position only.
 * `inputs_embeds` [S,C], `cos` and `sin` [S,1,D], `last_position`, `total_length`, `key.i`, `value.i` [1,K,P,D']
 * -> `logits` [1,V], `key.i.out`, `value.i.out`, and if asked for `hidden.i`, the input of layer i, from 1 on.
 */
function decode(weights: Weights, head: Weights | null, config: LlamaConfig, withHidden: boolean): Graph {
  const lastPosition = input('last_position', 'int32', [1])
  const totalLength = input('total_length', 'int32', [])
  const outputs: Record<string, Tensor> = {}
  const kept = { queries: all, outputs: last }
  const { inputs, output } = runLayers(
    weights,
    config,
    input('inputs_embeds', 'float32', ['S', config.hidden_size]),
    kept,
    (q, k, v, i) => {
      const [key, value] = cacheInputs(i, config)
      const [attended, presentKey, presentValue] = groupQueryAttention(
        joined(q, config),
        joined(k, config),
        joined(v, config),
        key,
        value,
        lastPosition,
        totalLength,
        headsOf(config),
      )
      outputs[`key.${i}.out`] = presentKey
      outputs[`value.${i}.out`] = presentValue
      return apart(attended, config)
    },
  )
  const hidden = withHidden ? namedInputs(inputs).slice(1) : []
  return {
    outputs: { logits: logits(output, weights, head, config), ...outputs, ...Object.fromEntries(hidden) },
  }
}

/**
 * The fast path of one position, which gives what belongs into the cache instead of the cache: a session may copy what
 * it gives, and of thousands of positions that is more work than the step itself.
 * `inputs_embeds` [1,C], `cos` and `sin` [1,1,D], `length` int64 [1], `key.i`, `value.i`
 * -> `logits` [1,V], `key.i.row`, `value.i.row` [K,1,D'], and `hidden.i`, the input of layer i, from 1 on.
 */
function step(weights: Weights, head: Weights | null, config: LlamaConfig): Graph {
  const { rows, inputs, logits } = onePosition(weights, head, config)
  const padded = rows.map(([name, row]) => [`${name}.row`, padTo(row, 2, cachedHeadSize(config))] as const)
  return { outputs: { logits, ...Object.fromEntries([...padded, ...namedInputs(inputs).slice(1)]) } }
}

/** The readable path: the same, nothing cached. */
function probe(weights: Weights, head: Weights | null, config: LlamaConfig): Probe {
  const { attentions, logits } = onePosition(weights, head, config)
  return { attentions, logits }
}

interface OnePosition extends Probe {
  /** Its keys and values [K,1,D], by the names of the cache. */
  readonly rows: readonly (readonly [name: string, row: Tensor])[]
  /** Of the layers, [1,C]. */
  readonly inputs: readonly Tensor[]
}

/** One position over the cache, attention written out. */
function onePosition(weights: Weights, head: Weights | null, config: LlamaConfig): OnePosition {
  const length = input('length', 'int64', [1])
  const attentions: Tensor[] = []
  const rows: [string, Tensor][] = []
  const embeds = input('inputs_embeds', 'float32', [1, config.hidden_size])
  const kept = { queries: all, outputs: all }
  const { inputs, output } = runLayers(weights, config, embeds, kept, (q, k, v, i) => {
    const [key, value] = [k, v].map(x => transpose(x, [1, 0, 2])) as [Tensor, Tensor]
    rows.push([`key.${i}`, key], [`value.${i}`, value])
    const [keys, values] = cacheInputs(i, config).map((cached, j) =>
      concat([firstOf(cached, length, 'n', config), j === 0 ? key : value], 1),
    ) as [Tensor, Tensor]
    const { attended, probabilities } = attendFromOne(q, keys, values, config)
    attentions.push(probabilities)
    return attended
  })
  return { attentions, logits: logits(output, weights, head, config), rows, inputs }
}

/**
 * The differentiable path: all S positions of a prompt, whose keys and values are those of the cache. `hidden.0` [S,C],
 * `cos` and `sin` [S,1,D], `length` int64 [1] (S), `key.i`, `value.i`.
 */
function unroll(weights: Weights, head: Weights | null, config: LlamaConfig): Unrolled {
  const length = input('length', 'int64', [1])
  const known: [Tensor, Tensor][] = []
  const embeds = input('hidden.0', 'float32', ['S', config.hidden_size])
  const kept = { queries: last, outputs: all }
  const { inputs, output } = runLayers(weights, config, embeds, kept, (q, k, v, i) => {
    for (const [j, cached] of cacheInputs(i, config).entries())
      known.push([j === 0 ? k : v, transpose(firstOf(cached, length, 'S', config), [1, 0, 2])])
    // The last position, alone in the last layer, sees all others.
    if (dimension(q, 0) !== 'S')
      return attendFromOne(q, transpose(k, [1, 0, 2]), transpose(v, [1, 0, 2]), config).attended
    return apart(
      causalAttention(joined(q, config), joined(k, config), joined(v, config), headsOf(config)),
      config,
    )
  })
  const cuts = Object.fromEntries(namedInputs(inputs))
  return { cuts, known, logits: logits(output, weights, head, config) }
}

/** One position q [1,H,D] over k and v [K,T,D]: [1,H,D], and probabilities [K,H/K,T]. */
function attendFromOne(q: Tensor, k: Tensor, v: Tensor, config: LlamaConfig): ReturnType<typeof attend> {
  const { num_key_value_heads: kvHeads, num_attention_heads: heads, head_dim: headSize } = config
  const grouped = reshape(q, [kvHeads, heads / kvHeads, headSize])
  const { attended, probabilities } = attend(grouped, k, v, scaleOf(config))
  return { attended: reshape(attended, [1, heads, headSize]), probabilities }
}

const namedInputs = (inputs: readonly Tensor[]): [name: string, input: Tensor][] =>
  inputs.map((x, i) => [`hidden.${i}`, x])

/** Attention of layer i of rotated q [R,H,D] over k and v [S,K,D]: [R,H,D]. */
type Attention = (q: Tensor, k: Tensor, v: Tensor, i: number) => Tensor

/** Rows of [S,...] that are gone on with: all, or the last. */
type Rows = (x: Tensor) => Tensor
const all: Rows = x => x
const last: Rows = x => slice(x, 0, -1)

/** Which rows are queries, and which of those go on. Of the last layer only the last position is read by anybody. */
interface Kept {
  readonly queries: Rows
  readonly outputs: Rows
}

/** The inputs [S,C] of the layers, and the output of the last one. */
function runLayers(
  weights: Weights,
  config: LlamaConfig,
  embeds: Tensor,
  lastLayer: Kept,
  attention: Attention,
): { inputs: Tensor[]; output: Tensor } {
  const tables = [dimension(embeds, 0), 1, config.head_dim]
  const rotary = { cos: input('cos', 'float32', tables), sin: input('sin', 'float32', tables) }
  const count = config.num_hidden_layers
  const inputs: Tensor[] = []
  let x = embeds
  for (let i = 0; i < count; i++) {
    inputs.push(x)
    const kept = i === count - 1 ? lastLayer : { queries: all, outputs: all }
    x = decoderLayer(x, weights.at(`layers.${i}`), config, rotary, kept, (q, k, v) => attention(q, k, v, i))
  }
  return { inputs, output: x }
}

/** Tables for the positions of x, each [S,1,D]. */
interface Rotary {
  readonly cos: Tensor
  readonly sin: Tensor
}

function decoderLayer(
  x: Tensor,
  weights: Weights,
  config: LlamaConfig,
  rotary: Rotary,
  kept: Kept,
  attention: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
): Tensor {
  return within(weights, () => {
    const { rms_norm_eps: epsilon } = config
    const normed = rmsNorm(x, weights.at('input_layernorm'), epsilon)
    const beside = selfAttention(normed, weights.at('self_attn'), config, rotary, kept, attention)
    const attended = add(kept.outputs(kept.queries(x)), beside)
    const normedAgain = rmsNorm(attended, weights.at('post_attention_layernorm'), epsilon)
    return add(attended, mlp(normedAgain, weights.at('mlp'), config))
  })
}

function selfAttention(
  x: Tensor,
  weights: Weights,
  config: LlamaConfig,
  { cos, sin }: Rotary,
  { queries, outputs }: Kept,
  attention: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
): Tensor {
  return within(weights, () => {
    const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headSize } = config
    const split = (rows: Tensor, name: string, count: number): Tensor =>
      reshape(linear(rows, weights.at(name), count * headSize), [dimension(rows, 0), count, headSize])
    const q = rotate(split(queries(x), 'q_proj', heads), queries(cos), queries(sin))
    const k = rotate(split(x, 'k_proj', kvHeads), cos, sin)
    const attended = outputs(attention(q, k, split(x, 'v_proj', kvHeads)))
    return linear(
      reshape(attended, [dimension(attended, 0), heads * headSize]),
      weights.at('o_proj'),
      config.hidden_size,
    )
  })
}

function mlp(x: Tensor, weights: Weights, config: LlamaConfig): Tensor {
  const gate = linear(x, weights.at('gate_proj'), config.intermediate_size)
  const up = linear(x, weights.at('up_proj'), config.intermediate_size)
  const inner = within(weights, () => mul(activations[config.hidden_act](gate), up))
  return linear(inner, weights.at('down_proj'), config.hidden_size)
}

function logits(hidden: Tensor, weights: Weights, head: Weights | null, config: LlamaConfig): Tensor {
  const normed = rmsNorm(hidden, weights.at('norm'), config.rms_norm_eps)
  if (head !== null) return linear(normed, head, config.vocab_size)
  return project(normed, weights.matrix(embedding, tableShape(config)))
}

function cacheInputs(i: number, config: LlamaConfig): [key: Tensor, value: Tensor] {
  const shape = [1, config.num_key_value_heads, 'P', cachedHeadSize(config)]
  return [input(`key.${i}`, 'float32', shape), input(`value.${i}`, 'float32', shape)]
}

const scaleOf = (config: LlamaConfig): number => config.head_dim ** -0.5

/** The fused attention wants heads of a multiple of 8 channels; smaller ones are padded with zeros in the cache. */
const headSizeStep = 8
const cachedHeadSize = (config: LlamaConfig): number =>
  Math.ceil(config.head_dim / headSizeStep) * headSizeStep

const headsOf = (config: LlamaConfig): AttentionHeads => ({
  heads: config.num_attention_heads,
  kvHeads: config.num_key_value_heads,
  scale: scaleOf(config),
})

/** Heads [S,H,D] as the fused attention takes them, [1,S,H*D']. */
function joined(x: Tensor, config: LlamaConfig): Tensor {
  const size = cachedHeadSize(config)
  return reshape(padTo(x, 2, size), [1, dimension(x, 0), (dimension(x, 1) as number) * size])
}

/** Undoes that. */
function apart(x: Tensor, config: LlamaConfig): Tensor {
  const shape = [dimension(x, 1), config.num_attention_heads, cachedHeadSize(config)]
  return trimHead(reshape(x, shape), config.head_dim)
}

/** The first `length` (int64 [1], named `size`) places of a cache [1,K,P,D']: [K,size,D]. */
function firstOf(cached: Tensor, length: Tensor, size: string, config: LlamaConfig): Tensor {
  const shape = [config.num_key_value_heads, size, cachedHeadSize(config)]
  return trimHead(reshape(sliceTo(cached, 2, length, size), shape), config.head_dim)
}

const trimHead = (x: Tensor, size: number): Tensor => (dimension(x, -1) === size ? x : slice(x, -1, 0, size))
