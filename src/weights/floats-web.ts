import { type Weights, weightsOf } from './checkpoint.ts'
import { quote, WeightsError } from './error.ts'
import { readPart } from './files-web.ts'
import { asFloats, bytesOf, type FloatTensor, floatTensors } from './floats.ts'

/** Weights as float32, and their bytes. */
export interface BlobWeights extends Weights {
  /** The bytes of a tensor, by the `file` that it is alone in. Memory of its own. */
  read(file: string): Promise<Uint8Array>
}

/**
 * The float tensors of a checkpoint as float32, little-endian. They stay in their blobs and in the type they were published
 * in, and are read and converted each time they are asked for. Tensors of other types are left as they are, and unreadable.
 */
export function floatWeights(published: Weights, blobs: ReadonlyMap<string, Blob>): BlobWeights {
  const floats = floatTensors(published.tensors.values())
  // A name out of an untrusted file becomes no path, of whatever kind.
  const files = new Map(floats.map((tensor, i) => [`${i}`, tensor]))
  const widened = [...files].map(([file, tensor]) => {
    const length = (tensor.length / bytesOf[tensor.dtype]) * bytesOf.F32
    return [tensor.name, { ...tensor, dtype: 'F32', file, offset: 0, length }] as const
  })
  return {
    ...weightsOf(published.source, '', new Map([...published.tensors, ...widened])),
    read: file => readFloats(files.get(file) as FloatTensor, blobs),
  }
}

async function readFloats(
  { name, dtype, file, offset, length }: FloatTensor,
  blobs: ReadonlyMap<string, Blob>,
): Promise<Uint8Array> {
  const bytes = await readPart(blobs.get(file) as Blob, file, offset, length)
  if (bytes.length < length)
    throw new WeightsError(`${file}: ends inside tensor ${quote(name)}; open the model again.`)
  if (dtype === 'F32') return bytes
  const { buffer } = asFloats(bytes, dtype, new Int32Array(length / bytesOf[dtype]))
  return new Uint8Array(buffer)
}
