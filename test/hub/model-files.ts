import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { etagOf, type FakeHub, type SeenRequest } from './server.ts'

// The files of a model on the hub, and what is seen of them where they arrive.

export const bytesOf = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251))

const index = { weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' } }

export const needed: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type":"llava"}'),
  'preprocessor_config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"model":{}}'),
  'chat_template.jinja': Buffer.from('{{ messages }}'),
  'qformer_tokenizer/tokenizer.json': Buffer.from('{"model":1}'),
  'model.safetensors.index.json': Buffer.from(JSON.stringify(index)),
  'model-1.safetensors': bytesOf(300_000, 1),
  'model-2.safetensors': bytesOf(200_000, 2),
}

export const notNeeded: Record<string, Buffer> = {
  'README.md': Buffer.from('# Name'),
  'pytorch_model.bin': bytesOf(1000, 3),
  'pytorch_model.bin.index.json': Buffer.from('{}'),
  'consolidated.safetensors': bytesOf(1000, 4),
  'name.gguf': bytesOf(1000, 5),
  'original/params.json': Buffer.from('{}'),
  'onnx/model.onnx': bytesOf(1000, 6),
}

export const shards = ['model-1.safetensors', 'model-2.safetensors'] as const
export const blobsOf = (model: string): string[] => readdirSync(join(model, 'blobs')).sort()
export const allBlobs = Object.entries(needed)
  .map(([path, bytes]) => etagOf(path, bytes))
  .sort()

/** What the snapshot's links lead to. */
export function contents(snapshot: string): Record<string, Buffer> {
  const paths = readdirSync(snapshot, { recursive: true, encoding: 'utf8' })
  const files = paths.filter(path => !lstatSync(join(snapshot, path)).isDirectory())
  return Object.fromEntries(files.map(path => [path, readFileSync(join(snapshot, path))]))
}

export const getsOfWeights = ({ requests }: FakeHub): SeenRequest[] =>
  requests.filter(({ origin, method }) => origin === 'cdn' && method === 'GET')
