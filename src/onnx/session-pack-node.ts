import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { input, matMulNBits, weight } from '../graph/ops.ts'
import type { DType, WeightSource } from '../graph/tensor.ts'
import { compile } from './model.ts'

// ONNX Runtime multiplies with a matrix in blocks fast only after it has arranged it anew ("prepacking"), and each session
// keeps that arrangement to itself, unless it finds it in the weights' file.

/** Where some bytes lie in a file. */
interface Part {
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** A matrix in blocks, and where its parts lie: see `BlockMatrix`. */
export interface StoredMatrix {
  readonly bits: 4 | 8
  readonly blockSize: number
  readonly rows: number
  readonly blocks: number
  readonly values: Part
  readonly scales: Part
  readonly zeros: Part
}

/** What packs differently: versions of the runtime, and processors. */
export const packerId = `onnxruntime ${ort.env.versions.common} ${process.arch} ${cpus()[0]?.model ?? ''}`

const packedFile = 'packed.bin'

/**
 * Has ONNX Runtime arrange a matrix as it does for `MatMulNBits` on the CPU, and write that into a file.
 *
 * @param folder the one that the parts' files are in
 * @param scratch a folder to write in
 * @returns where it is and under which key; null if the runtime arranges nothing on this machine
 */
export async function packMatrix(
  matrix: StoredMatrix,
  folder: string,
  scratch: string,
): Promise<(Part & { readonly key: string }) | null> {
  const model = join(scratch, 'packed.onnx')
  const session = await packing(product(matrix), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    enableCpuMemArena: false,
    logSeverityLevel: 4,
    optimizedModelFilePath: model,
    extra: {
      session: {
        save_external_prepacked_constant_initializers: '1',
        optimized_model_external_initializers_file_name: packedFile,
        optimized_model_external_initializers_min_size_in_bytes: '0',
        model_external_initializers_file_folder_path: folder,
      },
    },
  })
  await session.release()
  const text = await readFile(model, 'latin1')
  const [, key, offset, length] = packedEntry.exec(text) ?? []
  if (key === undefined) return null
  return { key, file: join(scratch, packedFile), offset: Number(offset), length: Number(length) }
}

/** The runtime writes the file when it opens the session. */
function packing(
  model: Uint8Array,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(model, options).catch(cause => {
    const reason = (cause as Error).message.replaceAll(/\s+/g, ' ').trim()
    throw new Error(
      `weights in blocks: what the runtime packs cannot be written. Is the disk full? Free some space, or name another folder by VICROP_CACHE (${reason})`,
      { cause },
    )
  })
}

/** Of the model that is written, an entry "prepacked_0" whose text is "KEY|OFFSET;LENGTH;CHECKSUM", and no second arrangement. */
const packedEntry = /prepacked_0[\s\S]{2,3}?(MatMulNBits\+\d+)\|(\d+);(\d+);\d+(?![\d;|])/

/** A graph of nothing but the product with a matrix. */
function product({ bits, blockSize, rows, blocks, values, scales, zeros }: StoredMatrix): Uint8Array {
  const part = (name: string, source: Part, dtype: DType, shape: readonly number[]) =>
    weight({ name, ...source } satisfies WeightSource, dtype, shape)
  const x = input('x', 'float32', ['M', blocks * blockSize])
  const y = matMulNBits(x, {
    bits,
    blockSize,
    values: part('values', values, 'uint8', [rows, blocks, (blockSize * bits) / 8]),
    scales: part('scales', scales, 'float32', [rows, blocks]),
    zeros: part('zeros', zeros, 'uint8', [rows, (blocks * bits) / 8]),
  })
  return compile({ outputs: { y } })
}
