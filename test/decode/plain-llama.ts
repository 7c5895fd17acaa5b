import { join } from 'node:path'
import { type DecoderSessions, decoderSessions } from '../../src/decode/sessions.ts'
import { type LlamaConfig, llamaConfig } from '../../src/models/llama/config.ts'
import { llama } from '../../src/models/llama/language.ts'
import type { ImageRow, Prompt } from '../../src/models/model.ts'
import { weightsAt } from '../../src/nn/weights.ts'
import type { Engine } from '../../src/onnx/session.ts'
import { openNodeEngine } from '../../src/onnx/session-node.ts'
import { openCheckpoint } from '../../src/weights/checkpoint-node.ts'
import { array, at, type NdArray, randomArray, sum } from '../onnx/array.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'

// A tiny Llama of random weights, twice: as the engine runs it, and written out in loops.

export interface TinyLlama {
  readonly config: LlamaConfig
  readonly weights: Readonly<Record<string, NdArray>>
}

export function tinyLlama(changes: Readonly<Record<string, unknown>> = {}): TinyLlama {
  const config = llamaConfig.parse({
    vocab_size: 23,
    hidden_size: 16,
    intermediate_size: 20,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    max_position_embeddings: 600,
    ...changes,
  })
  const { hidden_size: width, intermediate_size: inner, head_dim: size } = config
  const heads = config.num_attention_heads * size
  const keys = config.num_key_value_heads * size
  const shapes: Record<string, readonly number[]> = {
    'embed_tokens.weight': [config.vocab_size, width],
    'norm.weight': [width],
    'lm_head.weight': [config.vocab_size, width],
  }
  for (let i = 0; i < config.num_hidden_layers; i++) {
    Object.assign(shapes, {
      [`layers.${i}.input_layernorm.weight`]: [width],
      [`layers.${i}.post_attention_layernorm.weight`]: [width],
      [`layers.${i}.self_attn.q_proj.weight`]: [heads, width],
      [`layers.${i}.self_attn.k_proj.weight`]: [keys, width],
      [`layers.${i}.self_attn.v_proj.weight`]: [keys, width],
      [`layers.${i}.self_attn.o_proj.weight`]: [width, heads],
      [`layers.${i}.mlp.gate_proj.weight`]: [inner, width],
      [`layers.${i}.mlp.up_proj.weight`]: [inner, width],
      [`layers.${i}.mlp.down_proj.weight`]: [width, inner],
    })
  }
  const weights = Object.entries(shapes).map(([name, shape], i): [string, NdArray] => [
    name,
    rounded(randomArray(shape, i + 1)),
  ])
  return { config, weights: Object.fromEntries(weights) }
}

const rounded = ({ shape, data }: NdArray): NdArray => ({ shape, data: data.map(Math.fround) })

/** Its sessions, over a safetensors file that is written to `folder`. */
export async function openTinyLlama(
  { config, weights }: TinyLlama,
  folder: string,
  around: (engine: Engine) => Engine = engine => engine,
): Promise<DecoderSessions> {
  const tensors = Object.entries(weights).map(([name, { shape, data }]) => [
    name,
    { dtype: 'F32', shape, data },
  ])
  writeSafetensors(join(folder, 'model.safetensors'), Object.fromEntries(tensors))
  const checkpoint = await openCheckpoint(folder)
  const root = weightsAt(
    {
      has: name => checkpoint.tensors.has(name),
      find: name => ({ ...checkpoint.tensor(name), dtype: 'float32' }),
    },
    '',
  )
  const engine = openNodeEngine({ weightsRoot: checkpoint.root, threads: 1 })
  return decoderSessions(around(engine), llama(root, root.at('lm_head'), config))
}

/** A picture's rows, random. */
export function randomImage(rows: number, width: number, seed: number): ImageRow[] {
  const features = {
    rows,
    width,
    data: Float32Array.from(randomArray([rows, width], seed).data),
    grid: { rows: 1, columns: rows },
  }
  return Array.from({ length: rows }, (_, row) => ({ features, row }))
}

/** Logits [V] of the last position, and what it attends to in each layer, heads averaged: [L][S]. */
export function runPlainly(
  { config, weights }: TinyLlama,
  prompt: Prompt,
): { logits: number[]; attentions: number[][] } {
  const weight = (name: string): NdArray => weights[name] as NdArray
  const project = (x: NdArray, name: string): NdArray => {
    const w = weight(`${name}.weight`)
    return array([x.shape[0]!, w.shape[0]!], (s, n) => sum(w.shape[1]!, k => at(x, s, k) * at(w, n, k)))
  }
  const norm = (x: NdArray, name: string): NdArray => {
    const width = config.hidden_size
    const scale = x.data.length / width
    const sizes = Array.from({ length: scale }, (_, s) =>
      Math.sqrt(sum(width, k => at(x, s, k) ** 2) / width + config.rms_norm_eps),
    )
    return array(x.shape, (s, k) => (at(x, s, k) / sizes[s]!) * at(weight(`${name}.weight`), k))
  }
  const plus = (a: NdArray, b: NdArray): NdArray => array(a.shape, (s, k) => at(a, s, k) + at(b, s, k))

  let x = array([prompt.length, config.hidden_size], (s, k) => {
    const position = prompt[s]!
    if (typeof position === 'number') return at(weight('embed_tokens.weight'), position, k)
    return position.features.data[position.row * config.hidden_size + k] as number
  })
  const attentions: number[][] = []
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `layers.${i}`
    const { attended, last } = attendPlainly(norm(x, `${layer}.input_layernorm`), `${layer}.self_attn`)
    attentions.push(last)
    x = plus(x, project(attended, `${layer}.self_attn.o_proj`))
    const normed = norm(x, `${layer}.post_attention_layernorm`)
    const [gate, up] = [project(normed, `${layer}.mlp.gate_proj`), project(normed, `${layer}.mlp.up_proj`)]
    const inner = array(
      gate.shape,
      (s, k) => (at(gate, s, k) / (1 + Math.exp(-at(gate, s, k)))) * at(up, s, k),
    )
    x = plus(x, project(inner, `${layer}.mlp.down_proj`))
  }
  const width = config.hidden_size
  const final = array([1, width], (_, k) => at(x, prompt.length - 1, k))
  return { logits: [...project(norm(final, 'norm'), 'lm_head').data], attentions }

  function attendPlainly(normed: NdArray, name: string): { attended: NdArray; last: number[] } {
    const { head_dim: size, num_attention_heads: heads, num_key_value_heads: kvHeads } = config
    const turned = (x: NdArray): NdArray =>
      array(x.shape, (s, channel) => {
        const [pair, head] = [channel % (size / 2), Math.floor(channel / size)]
        const angle = s * config.rope_theta ** ((-2 * pair) / size)
        const [a, b] = [at(x, s, head * size + pair), at(x, s, head * size + pair + size / 2)]
        return channel % size < size / 2
          ? a * Math.cos(angle) - b * Math.sin(angle)
          : b * Math.cos(angle) + a * Math.sin(angle)
      })
    const [q, k] = [turned(project(normed, `${name}.q_proj`)), turned(project(normed, `${name}.k_proj`))]
    const v = project(normed, `${name}.v_proj`)
    const group = (head: number): number => Math.floor((head * kvHeads) / heads) * size
    const rows = Array.from({ length: heads }, (_, head) =>
      Array.from({ length: prompt.length }, (_, s) => {
        const weights = Array.from({ length: s + 1 }, (_, t) =>
          Math.exp(sum(size, d => at(q, s, head * size + d) * at(k, t, group(head) + d)) / Math.sqrt(size)),
        )
        const all = sum(weights.length, t => weights[t]!)
        return weights.map(weight => weight / all)
      }),
    )
    return {
      attended: array([prompt.length, heads * size], (s, channel) => {
        const head = Math.floor(channel / size)
        return sum(s + 1, t => rows[head]![s]![t]! * at(v, t, group(head) + (channel % size)))
      }),
      last: Array.from(
        { length: prompt.length },
        (_, t) => sum(heads, head => rows[head]!.at(-1)![t]!) / heads,
      ),
    }
  }
}
