import { copyFile, mkdir, open, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface BenchShape {
  readonly name: string
  readonly modelType: keyof typeof processors
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layers: number
  readonly heads: number
  readonly vocabularySize: number
  readonly visionWidth: number
  readonly visionIntermediate: number
  readonly visionLayers: number
  readonly visionHeads: number
  readonly imageSize: number
  readonly patchSize: number
}

/** LLaVA-1.5-7B with its language model cut to so many layers. */
export const llava7b = (layers: number): BenchShape => ({
  name: 'LLaVA-1.5-7B',
  modelType: 'llava',
  hiddenSize: 4096,
  intermediateSize: 11008,
  layers,
  heads: 32,
  vocabularySize: 32064,
  visionWidth: 1024,
  visionIntermediate: 4096,
  visionLayers: 24,
  visionHeads: 16,
  imageSize: 336,
  patchSize: 14,
})

/** LLaVA-1.6-7B likewise: the same language model and encoder, which sees a picture as a whole and in tiles. */
export const llavaNext7b = (layers: number): BenchShape => ({
  ...llava7b(layers),
  name: 'LLaVA-1.6-7B',
  modelType: 'llava_next',
})

/**
 * Writes a LLaVA checkpoint of random float32 weights, as the reference library would save it, with the tokenizer of
 * another checkpoint. Numbers are drawn once and repeated: speed depends on the shapes, not on the values, as long as
 * these are neither zero nor denormal.
 *
 * @returns bytes of weights
 */
export async function writeRandomCheckpoint(
  folder: string,
  shape: BenchShape,
  tokenizerFrom: string,
): Promise<number> {
  await mkdir(folder, { recursive: true })
  const imageToken = await copyTokenizer(tokenizerFrom, folder)
  const write = (name: string, json: unknown): Promise<void> =>
    writeFile(join(folder, name), JSON.stringify(json))
  await write('config.json', configOf(shape, imageToken))
  await write('generation_config.json', { eos_token_id: 2 })
  await write('preprocessor_config.json', processorOf(shape))
  const path = join(folder, 'model.safetensors')
  await writeWeights(path, tensorsOf(shape))
  return (await stat(path)).size
}

async function copyTokenizer(from: string, to: string): Promise<number> {
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(from, name), join(to, name))
  const { default: config } = await import(join(from, 'config.json'), { with: { type: 'json' } })
  return config.image_token_index ?? config.image_token_id
}

const configOf = (shape: BenchShape, imageToken: number) => ({
  model_type: shape.modelType,
  image_token_index: imageToken,
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
  text_config: {
    model_type: 'llama',
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    vocab_size: shape.vocabularySize,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
  },
  vision_config: {
    model_type: 'clip_vision_model',
    hidden_size: shape.visionWidth,
    intermediate_size: shape.visionIntermediate,
    num_hidden_layers: shape.visionLayers,
    num_attention_heads: shape.visionHeads,
    image_size: shape.imageSize,
    patch_size: shape.patchSize,
  },
})

const processors = { llava: 'CLIPImageProcessor', llava_next: 'LlavaNextImageProcessor' } as const

/** Grids of tiles are those that are taken for granted where none are given. */
const processorOf = ({ modelType, imageSize: size }: BenchShape) => ({
  image_processor_type: processors[modelType],
  size: { shortest_edge: size },
  crop_size: { height: size, width: size },
})

type Tensors = readonly (readonly [name: string, shape: readonly number[]])[]

function tensorsOf(shape: BenchShape): Tensors {
  const { hiddenSize: c, intermediateSize: f, visionWidth: v, visionIntermediate: vf } = shape
  const positions = (shape.imageSize / shape.patchSize) ** 2 + 1
  const vision = 'vision_tower.vision_model'
  return [
    [`${vision}.embeddings.class_embedding`, [v]],
    [`${vision}.embeddings.patch_embedding.weight`, [v, 3, shape.patchSize, shape.patchSize]],
    [`${vision}.embeddings.position_embedding.weight`, [positions, v]],
    ...affine(`${vision}.pre_layrnorm`, [v]),
    ...range(shape.visionLayers).flatMap(i => visionLayer(`${vision}.encoder.layers.${i}`, v, vf)),
    ...affine('multi_modal_projector.linear_1', [c, v]),
    ...affine('multi_modal_projector.linear_2', [c, c]),
    ['language_model.model.embed_tokens.weight', [shape.vocabularySize, c]],
    ...range(shape.layers).flatMap(i => languageLayer(`language_model.model.layers.${i}`, c, f)),
    ['language_model.model.norm.weight', [c]],
    ['language_model.lm_head.weight', [shape.vocabularySize, c]],
    ...(shape.modelType === 'llava_next' ? [['image_newline', [c]] as const] : []),
  ]
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

const affine = (name: string, shape: readonly [number, ...number[]]): Tensors => [
  [`${name}.weight`, shape],
  [`${name}.bias`, [shape[0]]],
]

const visionLayer = (name: string, width: number, inner: number): Tensors => [
  ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap(p =>
    affine(`${name}.self_attn.${p}`, [width, width]),
  ),
  ...affine(`${name}.layer_norm1`, [width]),
  ...affine(`${name}.layer_norm2`, [width]),
  ...affine(`${name}.mlp.fc1`, [inner, width]),
  ...affine(`${name}.mlp.fc2`, [width, inner]),
]

const languageLayer = (name: string, width: number, inner: number): Tensors => [
  ...['q_proj', 'k_proj', 'v_proj', 'o_proj'].map(
    p => [`${name}.self_attn.${p}.weight`, [width, width]] as const,
  ),
  [`${name}.mlp.gate_proj.weight`, [inner, width]],
  [`${name}.mlp.up_proj.weight`, [inner, width]],
  [`${name}.mlp.down_proj.weight`, [width, inner]],
  [`${name}.input_layernorm.weight`, [width]],
  [`${name}.post_attention_layernorm.weight`, [width]],
]

async function writeWeights(path: string, tensors: Tensors): Promise<void> {
  let end = 0
  const entries = tensors.map(([name, shape]) => {
    const start = end
    end += 4 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }] as const
  })
  const text = JSON.stringify(Object.fromEntries(entries))
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
  const file = await open(path, 'w')
  try {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    await file.write(length)
    await file.write(header)
    const noise = Buffer.from(normalNumbers(noiseLength).buffer)
    for (let written = 0; written < end; written += noise.length) {
      await file.write(noise, 0, Math.min(noise.length, end - written))
    }
    for (const [name, { shape, data_offsets: offsets }] of entries) {
      if (!isNormWeight(name)) continue
      const ones = Buffer.from(new Float32Array(shape[0] as number).fill(1).buffer)
      await file.write(ones, 0, ones.length, 8 + header.length + (offsets[0] as number))
    }
  } finally {
    await file.close()
  }
}

/** No tensor's size is a multiple of it, or queries and keys would have the same weights and look at themselves. */
const noiseLength = (1 << 22) - 3

/** As in trained models; with small ones hardly anything of a position would reach attention. */
const isNormWeight = (name: string): boolean => /norm\d?\.weight$/.test(name)

/** As checkpoints are initialised: attention then has preferences, and none so sharp that no gradient passes. */
const deviation = 0.02

function normalNumbers(count: number): Float32Array {
  const uniform = (): number => 1 - Math.random()
  return Float32Array.from({ length: count }, () => {
    return deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  })
}
